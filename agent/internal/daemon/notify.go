package daemon

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// notifier speaks to systemd, sd_notify(3). Without systemd it says nothing.
//
// The library makes a new socket for each word. A box says one three times a
// minute as long as it runs, and making the socket is most of that work: this
// one stays open. It belongs to the loop.
type notifier struct {
	fd   int
	open bool
}

// tell says one state, such as READY=1.
func (n *notifier) tell(state string) error {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" || n.open && n.say(state) == nil {
		return nil
	}
	// It is the first word, or systemd listens anew.
	err := n.close()
	if err == nil {
		err = n.dial(name)
	}
	if err == nil {
		err = n.say(state)
	}
	if err != nil {
		return fmt.Errorf("tell systemd: %w", err)
	}
	return nil
}

// say sends one datagram. The socket is none of the runtime's: a reader that has
// read would wake it each time to say that there is room again.
func (n *notifier) say(state string) error {
	for {
		err := syscall.Sendto(n.fd, []byte(state), syscall.MSG_NOSIGNAL, nil)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

func (n *notifier) dial(name string) error {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	n.fd, n.open = fd, true
	return syscall.Connect(fd, &syscall.SockaddrUnix{Name: name})
}

func (n *notifier) close() error {
	if !n.open {
		return nil
	}
	n.open = false
	return syscall.Close(n.fd)
}
