package app

import (
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"
)

// systemd is told in order, and only once somebody who asks is answered.
func TestTellsSystemd(t *testing.T) {
	name := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	t.Setenv("NOTIFY_SOCKET", name)
	heard := func() string {
		t.Helper()
		b := make([]byte, 256)
		if err := socket.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, err := socket.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}

	r := newRig(t)
	if got := heard(); got != "READY=1" {
		t.Fatalf("the first word is %q", got)
	}
	if w := r.nobody().do("GET", "/healthz", nil); w.status != http.StatusOK {
		t.Errorf("ready, and /healthz is %d", w.status)
	}
	if err := r.end(); err != nil {
		t.Fatal(err)
	}
	if got := heard(); got != "STOPPING=1" {
		t.Errorf("the last word is %q", got)
	}
}
