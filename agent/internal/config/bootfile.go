package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
)

// BootFile is what somebody wrote onto a card before the box was first started:
// illumi.yaml on the partition that every laptop can open.
type BootFile struct {
	WiFi []BootWiFi
	// Country is the two letters by which the radio knows what it may send.
	Country string
	// Server and Code enrol the box; both empty only joins the Wi-Fi.
	Server, Code, Name string
	// Again enrols a box anew that is enrolled already.
	Again bool
	// Hardware becomes box.yaml; nil leaves that as it is.
	Hardware map[string]any
}

// BootWiFi is a network to join.
type BootWiFi struct {
	Name, Password string
	Hidden         bool
}

// BootFiles are where the file may lie, below a root.
func BootFiles(root string) []string {
	return []string{filepath.Join(root, "boot/firmware/illumi.yaml"), filepath.Join(root, "boot/illumi.yaml")}
}

// LoadBootFile reads one; fs.ErrNotExist says that there is none.
func LoadBootFile(name string) (b BootFile, err error) {
	k := koanf.New("|") // no key of ours has one
	if err := k.Load(file.Provider(name), yaml.Parser()); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return b, err
		}
		return b, fmt.Errorf("config: %s is not YAML: %w", filepath.Base(name), err)
	}
	allowed := []string{"wifi", "country", "server", "code", "name", "again", "hardware"}
	for key := range k.Raw() {
		if !slices.Contains(allowed, key) {
			return b, fmt.Errorf("config: %s has no setting %.40q; its settings are %s", filepath.Base(name), key, strings.Join(allowed, ", "))
		}
	}
	b = BootFile{Country: strings.ToUpper(k.String("country")), Server: k.String("server"), Code: fmt.Sprint(k.Get("code")), Name: k.String("name"), Again: k.Bool("again")}
	if k.Get("code") == nil {
		b.Code = ""
	}
	if h := k.Get("hardware"); h != nil {
		var ok bool
		if b.Hardware, ok = h.(map[string]any); !ok {
			return b, errors.New("config: hardware is a list of parts, as in box.yaml")
		}
	}
	if b.WiFi, err = bootNetworks(k.Get("wifi")); err != nil {
		return b, err
	}
	return b, b.check()
}

// bootNetworks reads one network or a list of them.
func bootNetworks(v any) (list []BootWiFi, err error) {
	wrong := errors.New("config: wifi is a network's name and password, or a list of such")
	var entries []any
	switch v := v.(type) {
	case nil:
		return nil, nil
	case []any:
		entries = v
	default:
		entries = []any{v}
	}
	for _, e := range entries {
		m, ok := e.(map[string]any)
		if !ok {
			return nil, wrong
		}
		w := BootWiFi{}
		for key, value := range m {
			switch key {
			case "name":
				w.Name = fmt.Sprint(value)
			case "password":
				w.Password = fmt.Sprint(value) // one of digits alone is a number to YAML
			case "hidden":
				w.Hidden = value == true
			default:
				return nil, fmt.Errorf("config: a Wi-Fi has no %.40q; it has name, password and hidden", key)
			}
		}
		if w.Name == "" {
			return nil, wrong
		}
		list = append(list, w)
	}
	return list, nil
}

func (b BootFile) check() error {
	switch {
	case (b.Server == "") != (b.Code == ""):
		return errors.New("config: server and code belong together")
	case b.Country != "" && (len(b.Country) != 2 || strings.Trim(b.Country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != ""):
		return fmt.Errorf("config: country is %.20q; it has two letters, such as GB", b.Country)
	}
	return nil
}

// EraseBootFile overwrites the file, which holds passwords, and removes it.
func EraseBootFile(name string) error {
	f, err := os.OpenFile(filepath.Clean(name), os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("config: erase: %w", err)
	}
	fi, err := f.Stat()
	if err == nil {
		_, err = f.Write(make([]byte, fi.Size()))
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("config: erase: %w", err)
	}
	return os.Remove(name)
}

// SaveHardware writes box.yaml whole, readable by all: it holds no secret.
func SaveHardware(name string, parts map[string]any) error {
	data, err := yaml.Parser().Marshal(parts)
	if err != nil {
		return fmt.Errorf("config: save: %w", err)
	}
	if err := write(name, data); err != nil {
		return err
	}
	if err := os.Chmod(name, 0o644); err != nil { //nolint:gosec // no secret, and the box's own user reads it
		return fmt.Errorf("config: save: %w", err)
	}
	if _, err := LoadHardware(name); err != nil {
		return err
	}
	return nil
}
