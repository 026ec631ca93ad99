package e2e_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/mail"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"
)

// sink is a mail server that keeps what it was given. It outlives illumi's
// server, so a mail that was sent twice is seen twice.
type sink struct {
	mu    sync.Mutex
	mails map[string]int // by Message-ID
	texts map[string]string
}

// newSink returns the sink and its address for --mail.
func newSink(t *testing.T) (*sink, string) {
	t.Helper()
	k := &sink{mails: map[string]int{}, texts: map[string]string{}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	server := smtp.NewServer(k)
	server.Domain = "localhost"
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	t.Cleanup(func() {
		must(t, server.Close())
		if err := <-ended; err != nil && !errors.Is(err, smtp.ErrServerClosed) {
			t.Error(err)
		}
	})
	return k, fmt.Sprintf("smtp://%s?from=illumi@example.org&tls=none", l.Addr())
}

// NewSession serves one connection.
func (k *sink) NewSession(*smtp.Conn) (smtp.Session, error) { return &delivery{k}, nil }

type delivery struct{ k *sink }

func (delivery) Mail(string, *smtp.MailOptions) error { return nil }
func (delivery) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (delivery) Reset()                               {}
func (delivery) Logout() error                        { return nil }

func (d delivery) Data(r io.Reader) error {
	m, err := mail.ReadMessage(r)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(m.Body)
	if err != nil {
		return err
	}
	id := m.Header.Get("Message-ID")
	d.k.mu.Lock()
	defer d.k.mu.Unlock()
	d.k.mails[id]++
	d.k.texts[id] = string(body)
	return nil
}
