package daemon

import (
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"time"

	"illumi/agent/internal/flow"
	"illumi/agent/internal/link"
	"illumi/protocol"
)

// reports are those that the box has sent, in order.
func (b *box) reports() (list []protocol.Report) {
	b.Helper()
	b.wire.mu.Lock()
	defer b.wire.mu.Unlock()
	for _, m := range b.wire.told {
		if m.Type != protocol.TypeReport {
			continue
		}
		var r protocol.Report
		must(b, json.Unmarshal(m.Body, &r))
		r.ID = m.ID
		list = append(list, r)
	}
	return list
}

func (b *box) reported(code protocol.ReportCode) (n int) {
	for _, r := range b.reports() {
		if r.Code == code {
			n++
		}
	}
	return n
}

// sick is a machine whose health a test sets.
type sick struct {
	mu sync.Mutex
	h  protocol.Health
}

func (s *sick) read() protocol.Health { s.mu.Lock(); defer s.mu.Unlock(); return s.h }
func (s *sick) set(change func(*protocol.Health)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.h)
}

// minutes lets an idle box's minute pass.
func (b *box) minute() {
	b.Helper()
	b.d.post(b.d.ctx, b.d.minutely)
	b.looped()
}

// What gets bad is reported once, and once more when it is over; what cannot be
// measured is neither.
func TestHealth_IsReportedWhenItChanges(t *testing.T) {
	hot := 81.0
	for name, c := range map[string]struct {
		code protocol.ReportCode
		bad  func(*protocol.Health)
	}{
		"too little power":       {protocol.ReportVoltage, func(h *protocol.Health) { h.Undervoltage = protocol.Yes }},
		"slowed down":            {protocol.ReportHeat, func(h *protocol.Health) { h.Throttled = protocol.Yes }},
		"too hot":                {protocol.ReportHeat, func(h *protocol.Health) { h.Temperature = &hot }},
		"errors of the card":     {protocol.ReportCard, func(h *protocol.Health) { h.CardErrors = 1 }},
		"the card says it's old": {protocol.ReportCard, func(h *protocol.Health) { h.CardWorn = protocol.Yes }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := &sick{h: protocol.Health{Undervoltage: protocol.Unknown, Throttled: protocol.Unknown}}
			b := ready(t, t.TempDir(), newServer(t), func(o *Options) { o.Health = m.read })
			b.online()
			b.minute()
			if got := b.reports(); len(got) != 0 {
				t.Errorf("what is not known was reported: %+v", got)
			}
			m.set(c.bad)
			b.minute()
			b.minute()
			m.set(func(h *protocol.Health) { *h = protocol.Health{Undervoltage: protocol.No, Throttled: protocol.No} })
			b.minute()
			b.minute()
			got := b.reports()
			if len(got) != 2 || got[0].Code != c.code || got[0].Over || got[1].Code != c.code || !got[1].Over {
				t.Errorf("%+v", got)
			}
			if s := b.d.state; s.Phase != flow.Idle {
				t.Errorf("its citizen is bothered: %s", s.Phase)
			}
		})
	}
}

// A citizen is told that the team knows only when it does.
func TestReport_IsToldOnceTheServerHasIt(t *testing.T) {
	for name, c := range map[string]struct {
		ack  func(b *box)
		said flow.Prompt
	}{
		"acknowledged": {func(b *box) {
			b.eventually("the report", func() bool { return b.reported(protocol.ReportMic) == 1 })
			for _, r := range b.reports() {
				b.tell(link.Hint{Kind: link.Acked, Ack: protocol.Ack{ID: r.ID}})
			}
		}, flow.SayMicTold},
		"refused": {func(b *box) {
			b.eventually("the report", func() bool { return b.reported(protocol.ReportMic) == 1 })
			for _, r := range b.reports() {
				b.tell(link.Hint{Kind: link.Acked, Ack: protocol.Ack{ID: r.ID, Code: protocol.CodeInvalid}})
			}
		}, flow.SayMicRing},
		"never answered": {func(*box) {}, flow.SayMicRing},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			s.offer(hopID(1), nil, whisper())
			b := start(t, t.TempDir(), s, func(o *Options) { o.Microphone = deaf{} })
			b.online()
			b.press(flow.New)
			b.press(flow.Invite)
			b.phase(flow.MicFault)
			c.ack(b)
			b.eventually("what is said", func() bool { return b.face.said(flow.SayMicTold) || b.face.said(flow.SayMicRing) })
			if !b.face.said(c.said) {
				t.Errorf("the box did not say %q", flow.Prompts[c.said])
			}
		})
	}
}

// A report waits on the disk for the server; that a connection is missing is
// no report.
func TestReport_OutlivesAPowerCut(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	b := ready(t, t.TempDir(), s, nil)
	dir := t.TempDir()
	copyTree(t, b.dir, dir)
	b.stop()
	b = ready(t, dir, s, nil)
	b.eventually("the report", func() bool { return b.reported(protocol.ReportPower) == 1 })
	id := b.reports()[0].ID
	pending, err := b.spool.Pending()
	must(t, err)
	if !slices.ContainsFunc(pending, func(m protocol.Message) bool { return m.ID == id }) {
		t.Error("the report does not wait for its acknowledgement")
	}
	b.tell(link.Hint{Kind: link.Acked, Ack: protocol.Ack{ID: id}})
	b.looped()
	pending, err = b.spool.Pending()
	must(t, err)
	if len(pending) != 0 {
		t.Errorf("%d messages still wait", len(pending))
	}
	b.online()
	b.tell(link.Hint{Kind: link.Down, Err: &link.Refused{Problem: &protocol.Problem{Status: 401, Code: protocol.CodeDeviceRevoked}}})
	b.until("the refusal", func(s flow.State) bool { return !s.Online })
	b.looped()
	if n := b.reported(protocol.ReportAuth); n != 0 {
		t.Error("a server that refuses the box is told so by it")
	}
}

// Starts after a power cut are counted, and others are not.
func TestReport_CountsPowerCuts(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	dir := t.TempDir()
	b := ready(t, dir, s, nil)
	for n := range 3 {
		next := t.TempDir()
		copyTree(t, b.dir, next)
		b.stop()
		b = ready(t, next, s, func(o *Options) { o.Health = func() protocol.Health { return protocol.Health{} } })
		b.online()
		if h := b.health(); h.Restarts != int64(n+1) {
			t.Errorf("%d starts, want %d", h.Restarts, n+1)
		}
	}
	b.stop()
	b = ready(t, b.dir, s, func(o *Options) { o.Health = func() protocol.Health { return protocol.Health{} } })
	if h := b.health(); h.Restarts != 3 || h.LastPress != nil {
		t.Errorf("%+v", h)
	}
	b.tap()
	if h := b.health(); h.LastPress == nil || !h.LastPress.Equal(time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v", h)
	}
}

// health asks the loop.
func (b *box) health() protocol.Health {
	b.Helper()
	n, err := b.d.sayNow(b.d.ctx)
	must(b, err)
	return *n.Health
}
