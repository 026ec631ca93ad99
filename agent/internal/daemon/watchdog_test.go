package daemon

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"illumi/agent/internal/flow"
)

// manager is systemd's side of the notification socket.
func manager(t *testing.T, watchdog time.Duration) <-chan string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "notify")
	t.Setenv("NOTIFY_SOCKET", name)
	t.Setenv("WATCHDOG_USEC", strconv.FormatInt(watchdog.Microseconds(), 10))
	t.Setenv("WATCHDOG_PID", "")
	told, end := ear(t, name)
	t.Cleanup(end)
	return told
}

// ear listens where the manager does, until end.
func ear(t *testing.T, name string) (said <-chan string, end func()) {
	t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	must(t, err)
	told := make(chan string, 1000)
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := c.Read(b)
			if err != nil {
				return
			}
			told <- string(b[:n])
		}
	}()
	return told, func() { must(t, c.Close()) }
}

// One socket serves for all words, also once systemd listens anew.
func TestNotifier(t *testing.T) {
	name := filepath.Join(t.TempDir(), "notify")
	var n notifier
	t.Setenv("NOTIFY_SOCKET", "")
	must(t, n.tell("READY=1"))
	if n.open {
		t.Error("without systemd there is a socket")
	}
	t.Setenv("NOTIFY_SOCKET", name)
	if n.tell("READY=1") == nil {
		t.Error("nobody listened, and that was well")
	}
	told, end := ear(t, name)
	must(t, n.tell("READY=1"))
	fd := n.fd
	must(t, n.tell("WATCHDOG=1"))
	next(t, told, "READY=1")
	next(t, told, "WATCHDOG=1")
	if n.fd != fd || !n.open {
		t.Error("the second word had another socket")
	}
	end()
	must(t, os.RemoveAll(name))
	told, end = ear(t, name)
	defer end()
	must(t, n.tell("WATCHDOG=1"))
	next(t, told, "WATCHDOG=1")
	must(t, n.close())
	must(t, n.close())
}

// next waits for a message, past those that are not meant.
func next(t *testing.T, told <-chan string, want string) string {
	t.Helper()
	late := time.After(patience)
	for {
		select {
		case m := <-told:
			if strings.HasPrefix(m, want) {
				return m
			}
		case <-late:
			t.Fatalf("the service manager was not told %q", want)
		}
	}
}

// none makes sure that nothing of the kind comes for a while.
func none(t *testing.T, told <-chan string, what string, during time.Duration) {
	t.Helper()
	for late := time.After(during); ; {
		select {
		case m := <-told:
			if strings.HasPrefix(m, what) {
				t.Errorf("the service manager was told %q", m)
				return
			}
		case <-late:
			return
		}
	}
}

// The watchdog is fed while loop and disk both answer, and starves with either.
func TestWatchdog_IsFedByProgress(t *testing.T) {
	told := manager(t, 60*time.Millisecond)
	disk := make(chan struct{}, 1)
	disk <- struct{}{}
	b := ready(t, t.TempDir(), newServer(t), func(o *Options) {
		o.answers = func() error {
			<-disk
			disk <- struct{}{}
			return nil
		}
	})
	next(t, told, "READY=1")
	for range 3 {
		next(t, told, "WATCHDOG=1")
	}
	drain := func() {
		for len(told) > 0 {
			<-told
		}
	}

	<-disk // it hangs, which is found when it is asked again
	time.Sleep(100 * time.Millisecond)
	b.looped()
	drain()
	none(t, told, "WATCHDOG=1", 200*time.Millisecond)
	disk <- struct{}{}
	next(t, told, "WATCHDOG=1")

	stand := make(chan struct{})
	standing := make(chan struct{})
	b.d.post(b.d.ctx, func() { close(standing); <-stand })
	<-standing
	drain()
	none(t, told, "WATCHDOG=1", 200*time.Millisecond)
	close(stand)
	next(t, told, "WATCHDOG=1")
	b.stop()
	next(t, told, "STOPPING=1")
}

// `systemctl status` says how the box is, without a name or a word of anybody.
func TestWatchdog_TellsHowItIs(t *testing.T) {
	told := manager(t, time.Hour)
	s := newServer(t)
	b := ready(t, t.TempDir(), s, nil)
	if m := next(t, told, "STATUS="); m != "STATUS=no whisper waits; no connection" {
		t.Error(m)
	}
	b.online()
	if m := next(t, told, "STATUS="); m != "STATUS=no whisper waits; connected" {
		t.Error(m)
	}
	s.offer(hopID(1), nil, whisper())
	b.pull()
	b.phase(flow.New)
	if m := next(t, told, "STATUS="); m != "STATUS=a whisper waits to be heard; connected" {
		t.Error(m)
	}
}

// Away from rest no word goes to the manager that the disk has not answered for.
func TestWatchdog_AsksTheDiskEachTimeInATurn(t *testing.T) {
	told := manager(t, 60*time.Millisecond)
	s := newServer(t)
	var asked atomic.Int64
	b := ready(t, t.TempDir(), s, func(o *Options) { o.answers = func() error { asked.Add(1); return nil } })
	b.online()
	s.offer(hopID(1), nil, whisper())
	b.pull()
	b.phase(flow.New)
	b.looped()
	for len(told) > 0 {
		<-told
	}
	before, words := asked.Load(), int64(9)
	for range words {
		next(t, told, "WATCHDOG=1")
	}
	if n := asked.Load() - before; n < words-2 { // two questions may have been under way
		t.Errorf("%d questions for %d words", n, words)
	}
}
