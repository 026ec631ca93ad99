// Package kernel reads the small files below /sys and /proc by which the kernel
// tells of the machine.
package kernel

import (
	"errors"
	"io/fs"
	"syscall"
)

// limit is far above what such a file says, in bytes; a screen's EDID has a few hundred.
const limit = 1 << 20

// Read returns a file's bytes. It is for files that answer at once: other than
// os.ReadFile it does not have the runtime watch the file for its reading, which
// an idle box, that reads some of them all day, pays three times over. Errors
// are *fs.PathError.
func Read(name string) ([]byte, error) {
	var fd int
	err := again(func() (err error) {
		fd, err = syscall.Open(name, syscall.O_RDONLY|syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
		return err
	})
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	data, err := readAll(fd)
	if err := errors.Join(err, syscall.Close(fd)); err != nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: err}
	}
	return data, nil
}

func readAll(fd int) ([]byte, error) {
	data := make([]byte, 0, 2048) // most in one reading
	for len(data) < limit {
		if len(data) == cap(data) {
			data = append(data, 0)[:len(data)]
		}
		var n int
		err := again(func() (err error) {
			n, err = syscall.Read(fd, data[len(data):cap(data)])
			return err
		})
		if err != nil || n <= 0 {
			return data, err
		}
		data = data[:len(data)+n]
	}
	return data, syscall.EFBIG
}

// again repeats a call that a signal interrupted.
func again(call func() error) error {
	for {
		if err := call(); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
