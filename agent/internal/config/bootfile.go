package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
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
	// SetAside does so even where answers were never sent.
	SetAside bool
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

// maxBootFile is more than anybody writes.
const maxBootFile = 64 << 10

// ErrErased is a file that was overwritten and whose removal a power cut undid.
var ErrErased = errors.New("config: the file was used and erased")

// LoadBootFile reads one; fs.ErrNotExist says that there is none.
func LoadBootFile(name string) (b BootFile, err error) {
	f, err := os.Open(filepath.Clean(name))
	if err != nil {
		return b, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxBootFile+1))
	short := filepath.Base(name)
	switch err = errors.Join(err, f.Close()); {
	case err != nil:
		return b, fmt.Errorf("config: read %s: %w", short, err)
	case len(data) > maxBootFile:
		return b, fmt.Errorf("config: %s is too long to be one", short)
	case len(data) > 0 && len(bytes.Trim(data, "\x00")) == 0:
		return b, ErrErased
	}
	m, err := yaml.Parser().Unmarshal(data)
	if err != nil {
		return b, fmt.Errorf("config: %s is written wrongly: %w", short, err)
	}
	r := bootReader{data: data, file: short}
	for key, v := range m {
		switch key {
		case "wifi":
			b.WiFi = r.networks(v)
		case "country":
			b.Country = strings.ToUpper(r.text(key, v))
		case "server":
			b.Server = r.text(key, v)
		case "code":
			b.Code = r.text(key, v)
		case "name":
			b.Name = r.text(key, v)
		case "again":
			b.SetAside = v == "set-aside"
			b.Again = b.SetAside || r.yes(key, v)
		case "hardware":
			var is bool
			if b.Hardware, is = v.(map[string]any); !is {
				r.wrong("hardware is a list of parts, as in box.yaml")
			}
		default:
			r.wrong("there is no setting %.40q; the settings are wifi, country, server, code, name, again, hardware", key)
		}
	}
	if r.err == nil {
		b.check(&r)
	}
	return b, r.err
}

// bootReader keeps the first thing that is wrong.
type bootReader struct {
	data []byte
	file string
	err  error
}

func (r *bootReader) wrong(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("config: %s: %w", r.file, fmt.Errorf(format, args...))
	}
}

// text is what somebody typed. YAML takes some words for numbers or dates:
// those count only where they still read as they were typed.
func (r *bootReader) text(key string, v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case []any, map[string]any:
		r.wrong("%s is a single value", key)
		return ""
	}
	s := fmt.Sprint(v)
	if !bytes.Contains(r.data, []byte(s)) {
		r.wrong("put what stands behind %s between quotes, as in: %s: \"01234567\"", key, key)
	}
	return s
}

func (r *bootReader) yes(key string, v any) bool {
	switch s := strings.ToLower(fmt.Sprint(v)); s {
	case "true", "yes", "on":
		return true
	case "false", "no", "off", "<nil>":
	default:
		r.wrong("%s is %.20q; say yes or no", key, s)
	}
	return false
}

// networks reads one network or a list of them.
func (r *bootReader) networks(v any) (list []BootWiFi) {
	const what = "wifi is a network's name and password, or a list of such"
	entries, several := v.([]any)
	if !several && v != nil {
		entries = []any{v}
	}
	for _, e := range entries {
		m, is := e.(map[string]any)
		if !is {
			r.wrong(what)
			return nil
		}
		w := BootWiFi{}
		for key, value := range m {
			switch key {
			case "name":
				w.Name = r.text(key, value)
			case "password":
				w.Password = r.text(key, value)
			case "hidden":
				w.Hidden = r.yes(key, value)
			default:
				r.wrong("a Wi-Fi has no %.40q; it has name, password and hidden", key)
			}
		}
		if w.Name == "" {
			r.wrong(what)
		}
		list = append(list, w)
	}
	return list
}

func (b BootFile) check(r *bootReader) {
	switch {
	case (b.Server == "") != (b.Code == ""):
		r.wrong("server and code belong together")
	case b.Country != "" && (len(b.Country) != 2 || strings.Trim(b.Country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != ""):
		r.wrong("country is %.20q; it has two letters, such as GB", b.Country)
	case len(b.WiFi) == 0 && b.Code == "" && b.Country == "" && b.Hardware == nil:
		r.wrong("it says nothing; write wifi, or server and code, into it")
	}
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
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Remove(name)
	}
	if err != nil {
		return fmt.Errorf("config: erase: %w", err)
	}
	return syncDir(filepath.Dir(name))
}

// SaveHardware writes box.yaml whole, readable by all: it holds no secret. It
// leaves the old one where the new one is wrong, by its own rules or by check.
func SaveHardware(name string, parts map[string]any, check func(Hardware) error) error {
	data, err := yaml.Parser().Marshal(parts)
	if err != nil {
		return fmt.Errorf("config: save: %w", err)
	}
	fresh := name + ".new"
	if err := write(fresh, data); err != nil {
		return err
	}
	h, err := loadHardware(fresh, filepath.Base(name))
	if err == nil {
		err = check(h)
	}
	if err == nil {
		err = os.Chmod(fresh, 0o644) //nolint:gosec // no secret, and the box's own user reads it
	}
	if err == nil {
		err = os.Rename(fresh, name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(fresh))
	}
	return syncDir(filepath.Dir(name))
}
