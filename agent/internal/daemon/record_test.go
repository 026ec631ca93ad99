package daemon

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"illumi/agent/internal/flow"
	"illumi/protocol"
)

// The command that asks for a sentence is told what to do and how it went, and
// the box is its own again afterwards.
func TestControl_RecordLendsTheBox(t *testing.T) {
	control := filepath.Join(t.TempDir(), "control")
	lent := make(chan Hands, 1)
	b := start(t, t.TempDir(), newServer(t), func(o *Options) {
		o.Control = control
		o.Checks = &Checks{Record: func(_ context.Context, h Hands, key string, shown func(protocol.CheckItem)) error {
			if key != "new" {
				return errors.New("there is no such sentence")
			}
			shown(protocol.CheckItem{Part: "sentences", Verdict: protocol.VerdictOK, Text: "Read it aloud."})
			lent <- h
			return nil
		}}
	})
	b.until("the first state", func(s flow.State) bool { return s.Phase == flow.Idle })
	listens(t, control)
	var told []string
	ask := func(a Ask) error {
		_, err := AskBox(t.Context(), control, a, func(i protocol.CheckItem) { told = append(told, i.Text) })
		return err
	}
	must(t, ask(Ask{Do: AskRecord, Key: "new"}))
	if h := <-lent; h.Inputs == nil || h.Panel == nil || len(told) != 1 || told[0] != "Read it aloud." {
		t.Errorf("lent %+v, told %q", h, told)
	}
	if err := ask(Ask{Do: AskRecord, Key: "fanfare"}); err == nil || !strings.Contains(err.Error(), "no such sentence") {
		t.Errorf("%v", err)
	}
	must(t, ask(Ask{Do: AskRecord, Key: "new"})) // it was given back both times
	<-lent
	if err := ask(Ask{Do: "dance"}); err == nil {
		t.Error("the box dances")
	}
}

// listens waits until somebody answers at the socket.
func listens(t *testing.T, name string) {
	t.Helper()
	late := time.After(patience)
	for {
		c, err := net.Dial("unix", name)
		if err == nil {
			must(t, c.Close())
			return
		}
		select {
		case <-late:
			t.Fatal(err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}
