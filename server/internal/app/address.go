package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// keptAddress is where a server notes how it is reached, for the commands of its
// administration: they know the data, and not with which flags it was started.
const keptAddress = "address"

// KeepAddress notes how this server is reached. It is called once it listens.
func (a *App) KeepAddress() error {
	name := filepath.Join(a.cfg.Data, keptAddress)
	temp := name + ".new"
	err := os.WriteFile(temp, []byte(a.PublicURL()+"\n"), 0o600)
	if err == nil {
		err = os.Rename(temp, name)
	}
	if err != nil {
		return fmt.Errorf("app: keep the address: %w", err)
	}
	return nil
}

// KeptAddress is how the server with this data was last reached; "" where none
// has served yet.
func KeptAddress(data string) (string, error) {
	text, err := os.ReadFile(filepath.Join(data, keptAddress))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("app: read the address: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}
