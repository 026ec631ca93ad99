package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"illumi/agent/internal/flow"
	"illumi/protocol"
)

// controlled is a box that this machine's commands can ask.
func controlled(t *testing.T, checks *Checks) (b *box, control string) {
	t.Helper()
	control = filepath.Join(t.TempDir(), "control")
	// A power cut leaves the socket where it was.
	l, err := net.Listen("unix", control)
	must(t, err)
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	must(t, l.Close())
	b = ready(t, t.TempDir(), newServer(t), func(o *Options) { o.Control, o.Checks = control, checks })
	listens(t, control)
	return b, control
}

func TestControl_IsForThisBoxAlone(t *testing.T) {
	t.Parallel()
	_, control := controlled(t, nil)
	fi, err := os.Stat(control)
	must(t, err)
	if fi.Mode().Perm() != 0o600 {
		t.Errorf("the socket is %v", fi.Mode())
	}
}

// A check is told part by part while it runs, and its result is kept for the
// server; a second command is told that the box is in use.
func TestControl_ChecksPartByPart(t *testing.T) {
	t.Parallel()
	going, on := make(chan struct{}), make(chan struct{})
	b, control := controlled(t, &Checks{SelfTest: func(_ context.Context, _ Hands, shown func(protocol.CheckItem)) []protocol.CheckItem {
		shown(fine("light"))
		close(going)
		<-on
		shown(fine("sound"))
		return []protocol.CheckItem{fine("light"), fine("sound")}
	}})
	b.online()
	var parts []string
	type answer struct {
		check protocol.Check
		err   error
	}
	got := make(chan answer, 1)
	go func() {
		c, err := AskBox(t.Context(), control, Ask{Do: "selftest", Installer: "Ada"}, func(i protocol.CheckItem) { parts = append(parts, i.Part) })
		got <- answer{c, err}
	}()
	<-going
	for _, do := range []string{"selftest", "practice"} {
		if _, err := AskBox(t.Context(), control, Ask{Do: do}, func(protocol.CheckItem) {}); err == nil || err.Error() != ErrInUse.Error() {
			t.Errorf("%s beside a self-test: %v", do, err)
		}
	}
	if n, err := AskNow(t.Context(), control); err != nil || n.State != string(flow.Idle) {
		t.Errorf("how it is, while it is tested: %+v %v", n, err)
	}
	close(on)
	a := <-got
	must(t, a.err)
	if a.check.Kind != protocol.CheckSelfTest || a.check.Installer != "Ada" || len(a.check.Items) != 2 || strings.Join(parts, " ") != "light sound" {
		t.Errorf("%+v, told %v", a.check, parts)
	}
	if c := b.handedIn(1); c[0].ID != a.check.ID {
		t.Errorf("the server has %+v", c)
	}
}

// When the command ends, so does what it asked for, and the box is free.
func TestControl_EndsWithItsCommand(t *testing.T) {
	t.Parallel()
	going, ended := make(chan struct{}), make(chan struct{})
	b, control := controlled(t, &Checks{Doctor: func(ctx context.Context, _ Hands, _ func(protocol.CheckItem)) []protocol.CheckItem {
		close(going)
		<-ctx.Done()
		close(ended)
		return nil
	}})
	ctx, cancel := context.WithCancel(t.Context())
	got := make(chan error, 1)
	go func() {
		_, err := AskBox(ctx, control, Ask{Do: "doctor"}, func(protocol.CheckItem) {})
		got <- err
	}()
	<-going
	cancel()
	if err := <-got; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	<-ended
	must(t, b.giveBack(b.lend(t.Context())))
}

// The box stops although a command waits for it, and says so.
func TestControl_StopInTheMiddle(t *testing.T) {
	t.Parallel()
	going := make(chan struct{})
	b, control := controlled(t, &Checks{Doctor: func(ctx context.Context, _ Hands, _ func(protocol.CheckItem)) []protocol.CheckItem {
		close(going)
		<-ctx.Done()
		return nil
	}})
	got := make(chan error, 1)
	go func() {
		_, err := AskBox(t.Context(), control, Ask{Do: "doctor"}, func(protocol.CheckItem) {})
		got <- err
	}()
	<-going
	b.stop()
	if err := <-got; err == nil {
		t.Error("the command took it for a result")
	}
}

func TestControl_Practice(t *testing.T) {
	t.Parallel()
	b, control := controlled(t, nil)
	_, err := AskBox(t.Context(), control, Ask{Do: "practice"}, func(protocol.CheckItem) {})
	must(t, err)
	first := b.phase(flow.New)
	if !first.Turn.Practice {
		t.Errorf("turn %+v", first.Turn)
	}
	// One that waits already is what was asked for, and stays the only one.
	_, err = AskBox(t.Context(), control, Ask{Do: "practice"}, func(protocol.CheckItem) {})
	must(t, err)
	if s := b.phase(flow.New); s.Turn.Hop != first.Turn.Hop || len(s.Queue) != 0 {
		t.Errorf("two practice turns at once: %+v", s)
	}
	// The team sees it, and that it is none of theirs.
	if n, err := AskNow(t.Context(), control); err != nil || !n.Practice || n.Waiting != 0 {
		t.Errorf("%+v %v", n, err)
	}
}

// What is no question is told so, and ends nothing.
func TestControl_Nonsense(t *testing.T) {
	t.Parallel()
	_, control := controlled(t, nil)
	for _, line := range []string{"hello\n", `{"do":7}` + "\n", `{"do":""}` + "\n", `{"do":"record","key":"../x"}` + "\n", strings.Repeat("x", 1<<20) + "\n"} {
		c, err := net.Dial("unix", control)
		must(t, err)
		_, werr := c.Write([]byte(line))
		var told Told
		err = json.NewDecoder(c).Decode(&told)
		if len(line) < 100 && (werr != nil || err != nil || told.Error == "" || !told.Done) {
			t.Errorf("%.30q: %+v %v %v", line, told, werr, err)
		}
		if len(line) > 100 && err == nil && told.Error == "" {
			t.Errorf("%.30q was taken", line)
		}
		must(t, c.Close())
	}
	c, err := net.Dial("unix", control)
	must(t, err)
	must(t, c.Close()) // who says nothing
	if _, err := AskNow(t.Context(), control); err != nil {
		t.Error(err)
	}
}
