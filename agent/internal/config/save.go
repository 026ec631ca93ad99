package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/v2"
)

// Save writes the identity that enrolment gave into the file, beside whatever
// settings it holds: wholly, readable by its owner alone, or not at all.
func Save(name string, i Identity, plain bool) error {
	if err := i.check(plain); err != nil {
		return fmt.Errorf("config: save: %w", err)
	}
	k := koanf.New(".")
	if err := loadFile(k, name); err != nil {
		return err
	}
	for key, value := range map[string]string{keyServer: i.Server, keyServerID: i.ServerID, keyDevice: i.Device, keyName: i.Name, keySecret: string(i.Secret)} {
		if err := k.Set(key, value); err != nil {
			return fmt.Errorf("config: save: %w", err)
		}
	}
	if plain {
		if err := k.Set(keyPlain, true); err != nil {
			return fmt.Errorf("config: save: %w", err)
		}
	}
	data, err := k.Marshal(yaml.Parser())
	if err != nil {
		return fmt.Errorf("config: save: %w", err)
	}
	return write(name, data)
}

func write(name string, data []byte) (err error) {
	dir := filepath.Dir(name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("config: save: %w", err)
	}
	f, err := os.CreateTemp(dir, ".illumi-*") // mode 0600
	if err != nil {
		return fmt.Errorf("config: save: %w", err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("config: save: %w", errors.Join(err, os.Remove(f.Name())))
		}
	}()
	if _, err := f.Write(data); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes what was renamed or removed in a folder outlive a power cut.
func syncDir(dir string) error {
	d, err := os.Open(filepath.Clean(dir))
	if err != nil {
		return nil //nolint:nilerr // a directory that may be written and not read: the rename stands
	}
	return errors.Join(d.Sync(), d.Close())
}
