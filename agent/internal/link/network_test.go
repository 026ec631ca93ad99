package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"testing"
	"time"

	"illumi/protocol"
)

// A server that takes the call and says nothing does not keep a box from ending.
func TestLink_EndsWhileTheServerIsSilent(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }() // it ends with the test
	called := make(chan net.Conn, 1)
	go func() {
		if conn, err := listener.Accept(); err == nil {
			called <- conn
		}
	}()
	l, err := New(Options{Server: "http://" + listener.Addr().String(), Secret: "secret", Hello: func() protocol.Hello { return protocol.Hello{Version: protocol.Version} }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	conn := <-called
	defer func() { _ = conn.Close() }()                   // the box may have gone already
	if _, err := conn.Read(make([]byte, 1)); err != nil { // the box has asked, and waits
		t.Fatal(err)
	}
	cancel()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	case <-time.After(10 * time.Second): // the answer would be waited for 15 s
		t.Error("the link waits for the server's answer")
	}
}

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
