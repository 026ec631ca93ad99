package spool

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Save keeps v under key, durably, before it returns.
func (s *Spool) Save(key string, v any) error {
	if !validKey(key) {
		return fmt.Errorf("spool: %.40q is no key", key)
	}
	return tell("save "+key, s.disk.writeJSON("journal/"+key+".json", v))
}

// Load fills v with what was saved under key; found is false where nothing was.
// A file that cannot be read as JSON is set aside as <key>.damaged and returned
// as ErrDamaged once, so that the next start goes on without it.
func (s *Spool) Load(key string, v any) (found bool, err error) {
	if !validKey(key) {
		return false, fmt.Errorf("spool: %.40q is no key", key)
	}
	name := "journal/" + key + ".json"
	err = s.disk.readJSON(name, v)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case errors.Is(err, ErrDamaged) && !s.o.Guest:
		err = errors.Join(err, s.disk.rename(name, "journal/"+key+".damaged"), s.disk.syncDir("journal"))
	}
	return false, tell("load "+key, err)
}

// Peek reads what is under a key of a state directory that another process owns,
// and changes nothing there.
func Peek(dir, key string, v any) (found bool, err error) {
	if !validKey(key) {
		return false, fmt.Errorf("spool: %.40q is no key", key)
	}
	data, err := os.ReadFile(filepath.Join(dir, "journal", key+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	return err == nil, tell("look for "+key, err)
}

// Delete forgets a key.
func (s *Spool) Delete(key string) error {
	if !validKey(key) {
		return fmt.Errorf("spool: %.40q is no key", key)
	}
	err := s.disk.remove("journal/" + key + ".json")
	if err == nil {
		err = s.disk.syncDir("journal")
	}
	return tell("delete "+key, err)
}

func validKey(key string) bool {
	if key == "" || len(key) > 64 {
		return false
	}
	for i := range len(key) {
		if c := key[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}
