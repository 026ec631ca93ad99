package spool

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"github.com/google/uuid"
)

// Op names a step that changes the disk, for Options.Fault.
type Op string

// Steps, each of which can fail or be the last one before a power cut.
const (
	OpCreate  Op = "create"
	OpWrite   Op = "write"
	OpSync    Op = "sync"
	OpSyncDir Op = "sync-dir"
	OpRename  Op = "rename"
	OpLink    Op = "link"
	OpMkdir   Op = "mkdir"
	OpRemove  Op = "remove"
)

// disk is every change that the spool makes, below one root that no name can
// leave. An error of a sync is final: nothing here tries it again on the same
// file, because the kernel may have dropped the bytes and forgotten about it.
type disk struct {
	root  *os.Root
	fault func(op Op, name string) error
}

func (d *disk) step(op Op, name string) error {
	if d.fault == nil {
		return nil
	}
	if err := d.fault(op, name); err != nil {
		return &fs.PathError{Op: string(op), Path: name, Err: err}
	}
	return nil
}

// Names that start with these are orphans at the next start.
const (
	tempPrefix = ".tmp-"
	newPrefix  = ".new-"
	gonePrefix = ".gone-"
)

// trialPrefix is, beside the folders, of what a check recorded: somebody's
// voice, for nobody to keep.
const trialPrefix = ".trial-"

func orphan(name string) bool {
	return strings.HasPrefix(name, tempPrefix) || strings.HasPrefix(name, newPrefix) || strings.HasPrefix(name, gonePrefix)
}

// writeFile makes name hold data, wholly or not at all, whatever happens.
func (d *disk) writeFile(name string, data []byte) (err error) {
	temp := path.Join(path.Dir(name), tempPrefix+uuid.NewString())
	if err := d.step(OpCreate, temp); err != nil {
		return err
	}
	f, err := d.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.remove(temp))
		}
	}()
	if err := d.write(f, temp, data); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := d.syncFile(f, temp); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := d.rename(temp, name); err != nil {
		return err
	}
	return d.syncDir(path.Dir(name))
}

// write is a Write that a fault can tear in the middle.
func (d *disk) write(w io.Writer, name string, data []byte) error {
	if err := d.step(OpWrite, name); err != nil {
		_, torn := w.Write(data[:len(data)/2])
		return errors.Join(err, torn)
	}
	_, err := w.Write(data)
	return err
}

func (d *disk) syncFile(f *os.File, name string) error {
	if err := d.step(OpSync, name); err != nil {
		return err
	}
	return f.Sync()
}

func (d *disk) syncDir(name string) error {
	if err := d.step(OpSyncDir, name); err != nil {
		return err
	}
	f, err := d.root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (d *disk) rename(from, to string) error {
	if err := d.step(OpRename, from+" "+to); err != nil {
		return err
	}
	return d.root.Rename(from, to)
}

func (d *disk) mkdir(name string) error {
	if err := d.step(OpMkdir, name); err != nil {
		return err
	}
	if err := d.root.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// mkdirSynced makes a directory that is there after a power cut.
func (d *disk) mkdirSynced(name string) error {
	if fi, err := d.root.Stat(name); err == nil && fi.IsDir() {
		return nil
	}
	if err := d.mkdir(name); err != nil {
		return err
	}
	return d.syncDir(path.Dir(name))
}

// remove takes away a file or a whole directory; an absent one is fine.
func (d *disk) remove(name string) error {
	if err := d.step(OpRemove, name); err != nil {
		return err
	}
	return d.root.RemoveAll(name)
}

// vanish takes a directory away in one step, so that no half of it is ever seen.
func (d *disk) vanish(name string) error {
	if _, err := d.root.Lstat(name); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	gone := path.Join(path.Dir(name), gonePrefix+uuid.NewString())
	if err := d.rename(name, gone); err != nil {
		return err
	}
	if err := d.syncDir(path.Dir(name)); err != nil {
		return err
	}
	return d.remove(gone)
}

// clone gives the bytes of from a second name: a hard link where the file
// system has them and fresh is false, else a copy. The copy is not yet synced.
func (d *disk) clone(from, to string, fresh bool) error {
	if !fresh {
		if err := d.step(OpLink, from+" "+to); err != nil {
			return err
		}
		if err := d.root.Link(from, to); err == nil {
			return nil
		}
	}
	src, err := d.root.Open(from)
	if err != nil {
		return err
	}
	err = d.copyIn(src, to)
	return errors.Join(err, src.Close())
}

func (d *disk) copyIn(src io.Reader, to string) error {
	if err := d.step(OpCreate, to); err != nil {
		return err
	}
	dst, err := d.root.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := d.step(OpWrite, to); err != nil {
		_, torn := io.CopyN(dst, src, 1)
		return errors.Join(err, torn, dst.Close())
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}

func (d *disk) exists(name string) bool {
	_, err := d.root.Stat(name)
	return err == nil
}

// names lists a directory without orphans; an absent one is empty.
func (d *disk) names(dir string) ([]string, error) {
	list, err := fs.ReadDir(d.root.FS(), dir)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range list {
		if !orphan(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

func (d *disk) writeJSON(name string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return d.writeFile(name, append(data, '\n'))
}

// unreadable reports that what is there under a name cannot be had from this
// card any more, or is no file: as good as damaged. One bad block must not keep
// the box from starting.
func unreadable(err error) bool {
	for _, e := range []error{syscall.EIO, syscall.EUCLEAN, syscall.EBADMSG, syscall.EISDIR, syscall.ENOTDIR} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// readJSON returns fs.ErrNotExist for an absent file and ErrDamaged for one
// that is not the JSON it should be, or cannot be read.
func (d *disk) readJSON(name string, v any) error {
	data, err := d.root.ReadFile(name)
	if unreadable(err) {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrDamaged, name, err)
	}
	return nil
}

// tell wraps an error with what was tried and marks a full disk as ErrFull, one
// that cannot be written as ErrReadOnly, and files of somebody else as ErrNotOurs.
func tell(what string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("spool: %s: %w: %w", what, ErrFull, err)
	}
	if errors.Is(err, syscall.EROFS) {
		return fmt.Errorf("spool: %s: %w: %w", what, ErrReadOnly, err)
	}
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("spool: %s: %w: %w", what, ErrNotOurs, err)
	}
	return fmt.Errorf("spool: %s: %w", what, err)
}
