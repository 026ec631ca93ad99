package daemon

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"illumi/agent/internal/flow"
	"illumi/agent/internal/link"
	"illumi/protocol"
)

// handIn takes a check like a server does.
func (s *server) handIn(w http.ResponseWriter, r *http.Request) {
	var c protocol.Check
	data, err := io.ReadAll(r.Body)
	if err == nil {
		err = protocol.Decode(data, &c)
	}
	if err == nil {
		err = c.Check()
	}
	if err != nil {
		s.t.Errorf("a check that makes no sense: %v", err)
		problem(w, 400, protocol.CodeInvalid)
		return
	}
	if !slices.ContainsFunc(s.s.checks, func(o protocol.Check) bool { return o.ID == c.ID }) {
		s.s.checks = append(s.s.checks, c)
	}
	answer(w, protocol.CheckReceipt{ID: c.ID, ReceivedAt: time.Now().UTC()})
}

func fine(part string) protocol.CheckItem {
	return protocol.CheckItem{Part: part, Verdict: protocol.VerdictOK, Text: "It works."}
}

// doctor is a check that counts, with the hands it was given last.
type doctor struct {
	ran   atomic.Int32
	quiet atomic.Bool
	wait  chan struct{} // nil: it takes no time
}

func (d *doctor) look(ctx context.Context, h Hands, shown func(protocol.CheckItem)) []protocol.CheckItem {
	d.ran.Add(1)
	d.quiet.Store(h.Quiet)
	if d.wait != nil {
		select {
		case <-d.wait:
		case <-ctx.Done():
			return nil
		}
	}
	shown(fine("disk"))
	return []protocol.CheckItem{fine("disk")}
}

func (d *doctor) checks() *Checks { return &Checks{Doctor: d.look, SelfTest: d.look} }

func (b *box) handedIn(n int) []protocol.Check {
	b.Helper()
	b.eventually("a check at the server", func() bool { return len(b.server.snapshot().checks) >= n })
	return b.server.snapshot().checks
}

// What was found while the server was away comes to it with the next welcome,
// and a stop in between takes nothing away.
func TestCheck_WaitsForTheServer(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.do(func() { s.down = true })
	var d doctor
	b := ready(t, t.TempDir(), s, func(o *Options) { o.Checks = d.checks() })
	var shown []string
	c, err := b.d.Check(t.Context(), protocol.CheckSelfTest, "Ada", func(i protocol.CheckItem) { shown = append(shown, i.Part) })
	must(t, err)
	if c.Kind != protocol.CheckSelfTest || c.Installer != "Ada" || c.At.IsZero() || len(c.Items) != 1 || len(shown) != 1 {
		t.Errorf("%+v, shown %v", c, shown)
	}
	b.stop()
	b = ready(t, b.dir, s, nil)
	tried := func() int { s.mu.Lock(); defer s.mu.Unlock(); return s.requests }
	b.eventually("an attempt", func() bool { return tried() > 0 })
	s.do(func() { s.down = false })
	b.online() // wakes it; by itself it would wait longer and longer
	if got := b.handedIn(1); got[0].ID != c.ID || got[0].Installer != "Ada" {
		t.Errorf("%+v", got)
	}
	b.eventually("an empty journal", func() bool {
		var left []protocol.Check
		_, err := b.spool.Load(keyChecks, &left)
		return err == nil && len(left) == 0
	})
}

func TestCheck_NewestCount(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.do(func() { s.down = true })
	var d doctor
	b := ready(t, t.TempDir(), s, func(o *Options) { o.Checks = d.checks() })
	var last protocol.Check
	for range maxChecks + 3 {
		var err error
		last, err = b.d.Check(t.Context(), protocol.CheckDoctor, "", func(protocol.CheckItem) {})
		must(t, err)
	}
	var left []protocol.Check
	_, err := b.spool.Load(keyChecks, &left)
	must(t, err)
	if len(left) != maxChecks || left[maxChecks-1].ID != last.ID {
		t.Errorf("%d are kept", len(left))
	}
}

func TestCheck_WithoutAnySaysSo(t *testing.T) {
	t.Parallel()
	b := ready(t, t.TempDir(), newServer(t), nil)
	if _, err := b.d.Check(t.Context(), protocol.CheckDoctor, "", nil); err == nil || errors.Is(err, ErrInUse) {
		t.Error(err)
	}
}

func asked(kind link.Kind, n int) link.Hint {
	return link.Hint{Kind: kind, Request: protocol.Request{ID: hopID(700 + n)}}
}

// The server repeats a request with every welcome until it has the result: it
// is carried out once, waits for the end of what a citizen does, and is begun
// again where a power cut ended it.
func TestRequest_CheckIsDoneOnce(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	d := doctor{wait: make(chan struct{})}
	b := ready(t, t.TempDir(), s, func(o *Options) { o.Checks = d.checks() })
	b.online()
	for range 3 {
		b.tell(asked(link.Check, 1))
	}
	b.eventually("the check", func() bool { return d.ran.Load() == 1 })
	dir := t.TempDir()
	copyTree(t, b.dir, dir)
	b.stop()

	d = doctor{}
	b = ready(t, dir, s, func(o *Options) { o.Checks = d.checks() })
	b.online()
	b.tell(asked(link.Check, 1))
	if got := b.handedIn(1); got[0].Request != hopID(701) {
		t.Errorf("%+v", got)
	}
	b.stop()
	b = ready(t, dir, s, func(o *Options) { o.Checks = d.checks() })
	b.online()
	b.tell(asked(link.Check, 1))
	b.tell(asked(link.Check, 2))
	if got := b.handedIn(2); got[1].Request != hopID(702) || d.ran.Load() != 2 {
		t.Errorf("%d checks, %+v", d.ran.Load(), got)
	}
}

// In quiet hours a check makes no sound, unless people agreed.
func TestRequest_AloudOnlyWherePeopleAgreed(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	var d doctor
	b := ready(t, t.TempDir(), s, func(o *Options) {
		o.Checks = d.checks()
		o.Quiet = &Hours{"00:00", "23:59"}
	})
	b.online()
	b.tell(asked(link.Check, 1))
	b.handedIn(1)
	if !d.quiet.Load() {
		t.Error("the check was heard")
	}
	h := asked(link.Check, 2)
	h.Request.Aloud = true
	b.tell(h)
	b.handedIn(2)
	if d.quiet.Load() {
		t.Error("the check was not heard")
	}
}

// A practice turn is asked for, done to its end, and never leaves the box.
func TestRequest_Practice(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	b := ready(t, t.TempDir(), s, func(o *Options) { o.Settings = Workshop(); o.Settings.SendMode = protocol.SendConfirm })
	b.online()
	b.tell(asked(link.Practice, 1))
	b.tell(asked(link.Practice, 1))
	b.until("the practice", func(s flow.State) bool { return s.Turn.Practice })
	b.record()
	b.reply()
	b.phase(flow.Idle)
	got := b.handedIn(1)
	if len(got) != 1 || got[0].Kind != protocol.CheckPractice || got[0].Request != hopID(701) || got[0].At.IsZero() {
		t.Errorf("%+v", got)
	}
	if n := len(b.kinds(flow.KindMSG)); n != 1 {
		t.Errorf("%d practice turns", n)
	}
	if len(s.snapshot().replies) != 0 || len(b.files("outbox/*")) != 0 || len(b.files("takes/*/*.wav")) != 0 {
		t.Error("something of the practice is left")
	}
}

// END erases everything and says who asked for it, also where the power was cut
// right behind the order.
func TestRequest_End(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.offer(hopID(1), nil, whisper(), picture(t))
	b := start(t, t.TempDir(), s, nil)
	b.online()
	b.record()
	b.phase(flow.PhotoAsk)
	b.tell(asked(link.End, 1))
	b.until("the end", func(s flow.State) bool { return s.Phase == flow.Ended && s.Wiped })
	told := func(b *box) bool {
		return slices.ContainsFunc(b.reports(), func(r protocol.Report) bool {
			return r.Code == protocol.ReportWiped && r.Request == hopID(701)
		})
	}
	b.eventually("the report", func() bool { return told(b) })
	none := func() {
		t.Helper()
		if left := slices.Concat(b.files("inbox/*/*"), b.files("takes/*"), b.files("sent/*")); len(left) != 0 {
			t.Errorf("left: %v", left)
		}
	}
	none()
	s.do(func() { s.hidden = true }) // so that a download would be seen under way
	s.offer(hopID(2), nil, whisper(), picture(t))
	b.pull()
	b.eventually("the second offer", func() bool {
		at, err := b.spool.Cursor("server-1")
		must(t, err)
		return at == "2"
	})
	none()
	dir := t.TempDir()
	copyTree(t, b.dir, dir)
	b.stop()
	b = ready(t, dir, s, nil)
	b.online()
	b.tell(asked(link.End, 1))
	b.until("the end", func(s flow.State) bool { return s.Phase == flow.Ended && s.Wiped })
	b.eventually("the report", func() bool { return told(b) })
}

// holdForTest holds the button until the box says what letting go will do. On a
// busy machine that may take longer than people hold, and is tried again.
func (b *box) holdForTest() {
	b.Helper()
	for late := time.Now().Add(5 * patience); ; {
		s := b.now()
		if s.Phase != flow.Idle || time.Now().After(late) {
			return
		}
		if open := max(s.Guard, s.Keys[0].Lock, s.Keys[0].Up+60*time.Millisecond); b.d.now() <= open {
			time.Sleep(time.Millisecond)
			continue
		}
		b.edge(flow.Main, true)
		b.until("the offer, or the end of holding", func(s flow.State) bool { return s.TestSaid || !s.Keys[0].Down || s.Keys[0].Stuck })
		b.edge(flow.Main, false)
	}
}

// The button of an idle box, held and let go, lends it to the self-test.
func TestSelfTest_FromTheButton(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	d := doctor{wait: make(chan struct{})}
	b := ready(t, t.TempDir(), s, func(o *Options) { o.Checks = d.checks() })
	b.online()
	b.holdForTest()
	b.phase(flow.SelfTesting)
	b.eventually("the test", func() bool { return d.ran.Load() == 1 })
	s.offer(hopID(1), nil, whisper())
	b.pull()
	close(d.wait)
	if got := b.handedIn(1); got[0].Kind != protocol.CheckSelfTest {
		t.Errorf("%+v", got)
	}
	b.phase(flow.New)
}
