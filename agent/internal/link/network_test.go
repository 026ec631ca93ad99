package link

import (
	"errors"
	"fmt"
	"net"
	"syscall"
	"testing"
)

func TestNoNetwork(t *testing.T) {
	dial := func(e error) error {
		return fmt.Errorf("link: connect: %w", &net.OpError{Op: "dial", Net: "tcp", Err: e})
	}
	for _, c := range []struct {
		err  error
		want bool
	}{
		{dial(syscall.ENETUNREACH), true},
		{dial(syscall.EHOSTUNREACH), true},
		{dial(&net.DNSError{Err: "server misbehaving", IsTemporary: true}), true},
		{dial(&net.DNSError{Err: "no such host", IsNotFound: true}), false}, // somebody answered
		{dial(syscall.ECONNREFUSED), false},
		{dial(syscall.ECONNRESET), false},
		{errors.New("bad handshake"), false},
		{nil, false},
	} {
		if got := noNetwork(c.err); got != c.want {
			t.Errorf("%v: %v", c.err, got)
		}
	}
}
