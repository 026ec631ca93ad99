package mail

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"illumi/server/internal/model"
)

// LogSender writes each mail as an RFC 5322 file into the data directory, for
// a server that has no mail server.
type LogSender struct {
	dir  string
	from string
	host string
}

// OpenLog makes the folder DIR/mail, readable by the server alone.
func OpenLog(o Options) (*LogSender, error) {
	dir := filepath.Join(o.Dir, "mail")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder for mail: %w", err)
	}
	host := senderHost(o.PublicURL)
	return &LogSender{dir: dir, from: "illumi@" + host, host: host}, nil
}

// Send writes DIR/mail/<time>-<id>.eml and syncs it before it returns. The
// name depends on the mail alone, so a second attempt replaces the file by
// itself.
func (s *LogSender) Send(ctx context.Context, m model.Mail) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	msg, err := compose(m, s.from, s.host)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return fmt.Errorf("open the folder for mail: %w", err)
	}
	defer root.Close()

	name := m.CreatedAt.UTC().Format("20060102T150405Z") + "-" + m.ID + ".eml"
	part := name + ".part"
	f, err := root.OpenFile(part, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("write the mail's file: %w", err)
	}
	if _, err = msg.WriteTo(f); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = root.Rename(part, name)
	}
	if err != nil {
		if rm := root.Remove(part); rm != nil && !errors.Is(rm, fs.ErrNotExist) {
			err = errors.Join(err, rm)
		}
		return fmt.Errorf("write the mail's file: %w", err)
	}
	d, err := root.Open(".")
	if err != nil {
		return fmt.Errorf("sync the folder for mail: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync the folder for mail: %w", err)
	}
	return nil
}
