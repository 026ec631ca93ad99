package app

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/store"
)

func TestSocket_Conversation(t *testing.T) {
	r := newRig(t)
	b := r.enrol("conandoyle")
	s, w := b.dial()
	if w.Device != b.id || w.Name != "conandoyle" || w.Server != "illumi" || w.ServerTime.IsZero() {
		t.Errorf("welcome %+v", w)
	}
	s.say(protocol.TypePing, "p-1", nil)
	if m := s.read(); m.Type != protocol.TypePong || m.ID != "p-1" {
		t.Errorf("a ping was answered with %+v", m)
	}
	s.say("telepathy", "x-1", map[string]int{"volts": 3}) // a type of a later version
	s.say(protocol.TypeStatus, "s-1", protocol.Status{State: "idle", Waiting: 2})
	if ack := s.ack(); ack != (protocol.Ack{ID: "s-1"}) {
		t.Errorf("a status was answered with %+v", ack)
	}
	s.say(protocol.TypeStatus, "s-2", protocol.Status{Waiting: -1})
	if ack := s.ack(); ack != (protocol.Ack{ID: "s-2", Code: protocol.CodeInvalid}) {
		t.Errorf("a senseless status was answered with %+v", ack)
	}
	// A second hello says anew what the box can do, and is welcomed as the first.
	s.say(protocol.TypeHello, "h-2", protocol.Hello{Version: 1, Agent: "test 2", Capabilities: protocol.Capabilities{Camera: true}})
	if m := s.read(); m.Type != protocol.TypeWelcome || m.ID != "h-2" {
		t.Errorf("a second hello was answered with %+v", m)
	}
	r.presence.Flush(t.Context())
	d := r.device(b.id)
	if d.Agent != "test 2" || !d.Capabilities.Camera || d.Status.Waiting != 2 || d.Presence(time.Now()) != model.PresenceOnline || d.ConnectedAt.IsZero() {
		t.Errorf("stored: %+v", d)
	}
}

func (r *rig) device(id string) model.Device {
	r.t.Helper()
	return must(r.relay.OneBox(r.t.Context(), operator, id))(r.t)
}

func (s socket) ack() protocol.Ack {
	s.t.Helper()
	var a protocol.Ack
	if m := s.await(protocol.TypeAck); protocol.Decode(m.Body, &a) != nil || a.Check() != nil {
		s.t.Fatalf("ack %+v", m)
	}
	return a
}

// A box that does nothing but answer pings is online.
func TestSocket_PingsAreHeard(t *testing.T) {
	r := newRig(t)
	b := r.enrol("a")
	s, _ := b.dial()
	r.presence.Flush(t.Context())
	before := r.device(b.id).LastSeenAt
	s.say(protocol.TypePong, "p-0", nil)
	s.say(protocol.TypePing, "p-1", nil)
	s.await(protocol.TypePong)
	r.presence.Flush(t.Context())
	if after := r.device(b.id).LastSeenAt; !after.After(before) {
		t.Errorf("last seen stayed at %s", before)
	}
}

func TestSocket_ServerPings(t *testing.T) {
	r := newRig(t, func(c *Config) { c.waits.ping = 10 * time.Millisecond })
	s, _ := r.enrol("a").dial()
	for range 3 {
		m := s.await(protocol.TypePing)
		s.say(protocol.TypePong, m.ID, nil)
	}
}

func TestSocket_SilentFromTheStart(t *testing.T) {
	r := newRig(t, func(c *Config) { c.waits.hello = 20 * time.Millisecond })
	r.enrol("a").knock().closed(websocket.ClosePolicyViolation, "silent for too long")
}

func TestSocket_DeadBoxIsDropped(t *testing.T) {
	r := newRig(t, func(c *Config) { c.waits.dead = 100 * time.Millisecond })
	s, _ := r.enrol("a").dial()
	s.closed(websocket.ClosePolicyViolation, "silent for too long")
}

// What may not be said closes the connection with its own code, as the first
// word and later.
func TestSocket_BadFrames(t *testing.T) {
	r := newRig(t)
	b := r.enrol("a")
	hello := `{"type":"hello","id":"h","body":`
	for name, tc := range map[string]struct {
		kind   int
		data   string
		code   int
		reason string
		first  bool // only wrong as the first word
	}{
		"binary":        {websocket.BinaryMessage, "{}", websocket.CloseUnsupportedData, "text only", false},
		"not UTF-8":     {websocket.TextMessage, "{\"type\":\"status\",\"id\":\"\xff\"}", websocket.CloseInvalidFramePayloadData, "not UTF-8", false},
		"cut UTF-8":     {websocket.TextMessage, "\xc3", websocket.CloseInvalidFramePayloadData, "not UTF-8", false},
		"too long":      {websocket.TextMessage, strings.Repeat("x", protocol.MaxMessageBytes+1), websocket.CloseMessageTooBig, "", false},
		"no JSON":       {websocket.TextMessage, "hello?", websocket.ClosePolicyViolation, "unreadable message", false},
		"empty":         {websocket.TextMessage, "", websocket.ClosePolicyViolation, "unreadable message", false},
		"two values":    {websocket.TextMessage, `{"type":"ping","id":"1"}{}`, websocket.ClosePolicyViolation, "unreadable message", false},
		"unknown field": {websocket.TextMessage, `{"type":"ping","id":"1","x":1}`, websocket.ClosePolicyViolation, "unreadable message", false},
		"no hello":      {websocket.TextMessage, `{"type":"status","id":"1"}`, websocket.ClosePolicyViolation, "invalid_request", true},
		"empty hello":   {websocket.TextMessage, hello + `{}}`, websocket.ClosePolicyViolation, "invalid_request", false},
		"odd hello":     {websocket.TextMessage, hello + `{"version":1,"agent":"","boot_id":"","capabilities":{"buttons":9}}}`, websocket.ClosePolicyViolation, "invalid_request", false},
		"newer box":     {websocket.TextMessage, hello + `{"version":2}}`, websocket.ClosePolicyViolation, "version_unsupported", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := b.knock()
			s.t = t
			s.frame(tc.kind, []byte(tc.data))
			s.closed(tc.code, tc.reason)
			if tc.first {
				return
			}
			s, _ = b.dial()
			s.t = t
			s.frame(tc.kind, []byte(tc.data))
			s.closed(tc.code, tc.reason)
		})
	}
	t.Run("not UTF-8, in two fragments", func(t *testing.T) {
		s, _ := b.dial()
		s.t = t
		// é is cut between two frames, which is right; then a byte that never is.
		s.fragments([]byte("{\"type\":\"ping\",\"id\":\"1\",\"body\":\"\xc3"), []byte("\xa9\"}"))
		if m := s.await(protocol.TypePong); m.ID != "1" {
			t.Errorf("got %+v", m)
		}
		s.fragments([]byte("{\"type\":\"ping\",\"id\":\"2\",\"body\":\"\xc3"), []byte("\xff\"}"))
		s.closed(websocket.CloseInvalidFramePayloadData, "not UTF-8")
	})
}

// fragments sends one text message as two masked frames.
func (s socket) fragments(first, last []byte) {
	s.t.Helper()
	var raw bytes.Buffer
	for i, part := range [][]byte{first, last} {
		// FIN on the last; text, then continuation; a mask of zeros changes nothing.
		raw.Write([]byte{[]byte{0x01, 0x80}[i], 0x80 | byte(len(part)), 0, 0, 0, 0})
		raw.Write(part)
	}
	if _, err := s.ws.NetConn().Write(raw.Bytes()); err != nil {
		s.t.Fatal(err)
	}
}

func TestSocket_NewestWins(t *testing.T) {
	r := newRig(t)
	b := r.enrol("a")
	old, _ := b.dial()
	fresh, _ := b.dial()
	old.closed(websocket.ClosePolicyViolation, "replaced")
	r.hub.Send(b.id, protocol.TypeOffers, nil)
	fresh.await(protocol.TypeOffers)
}

func TestSocket_Progress(t *testing.T) {
	r := newRig(t)
	b, other := r.enrol("a"), r.enrol("b")
	s, _ := b.dial()
	whisper := r.person("r@example.org", model.RoleResearcher).start("straight", b)
	s.await(protocol.TypeOffers)
	o := b.offer()
	p := protocol.Progress{Hop: o.Hop, Epoch: o.Epoch, At: time.Now().UTC()}
	var first model.Hop
	for i := range 3 { // repeated after a lost ack: the first time stands
		s.say(protocol.TypeDelivered, fmt.Sprint("d-", i), p)
		if a := s.ack(); a != (protocol.Ack{ID: fmt.Sprint("d-", i)}) {
			t.Errorf("delivered was answered with %+v", a)
		}
		// Acknowledged is committed: another connection to the database sees it.
		hop := r.hop(whisper, 1)
		if hop.State != model.HopDelivered || hop.DeliveredAt.IsZero() {
			t.Errorf("acknowledged, and stored as %+v", hop)
		}
		if i == 0 {
			first = hop
		} else if !hop.DeliveredAt.Equal(first.DeliveredAt) {
			t.Errorf("repeating moved %s to %s", first.DeliveredAt, hop.DeliveredAt)
		}
	}
	theirs, _ := other.dial()
	theirs.say(protocol.TypeHeard, "x-1", p)
	if a := theirs.ack(); a.Code != protocol.CodeHopUnknown {
		t.Errorf("another box's hop: %+v", a)
	}
	s.say(protocol.TypeHeard, "x-2", protocol.Progress{Hop: "no id"})
	if a := s.ack(); a.Code != protocol.CodeInvalid {
		t.Errorf("no hop: %+v", a)
	}
	s.say(protocol.TypeHeard, "x-3", map[string]any{"hop": o.Hop, "epoch": 1, "colour": "blue"})
	if a := s.ack(); a.Code != protocol.CodeInvalid {
		t.Errorf("an unknown field: %+v", a)
	}
	if hop := r.hop(whisper, 1); hop.State != model.HopDelivered {
		t.Errorf("refused news changed it to %s", hop.State)
	}
}

func (r *rig) hop(whisper string, position int) model.Hop {
	r.t.Helper()
	var h model.Hop
	err := r.store.View(r.t.Context(), func(tx *store.Tx) error {
		w, err := tx.Whisper(r.t.Context(), whisper)
		if err != nil {
			return err
		}
		at, _ := w.Hop(position)
		h = *at
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return h
}

func TestSocket_Hints(t *testing.T) {
	r := newRig(t)
	b := r.enrol("a")
	s, _ := b.dial()
	person := r.person("r@example.org", model.RoleResearcher)
	whisper := person.start("straight", b)
	s.await(protocol.TypeOffers)
	o := b.offer()
	if a := person.form("/whispers/"+whisper+"/end", nil); a.status != http.StatusSeeOther {
		t.Fatalf("end: %d %s", a.status, a.body)
	}
	var ref protocol.HopRef
	if m := s.await(protocol.TypeRecall); protocol.Decode(m.Body, &ref) != nil || ref != (protocol.HopRef{Hop: o.Hop, Epoch: o.Epoch}) {
		t.Errorf("recall of %+v, want of %s", ref, o.Hop)
	}
}

func TestSocket_RevokeEndsItAtOnce(t *testing.T) {
	r := newRig(t)
	b, other := r.enrol("a"), r.enrol("b")
	s, _ := b.dial()
	theirs, _ := other.dial()
	admin := r.person("a@example.org", model.RoleAdmin)
	if a := admin.form("/boxes/"+b.id+"/revoke", nil); a.status != http.StatusSeeOther {
		t.Fatalf("revoke: %d %s", a.status, a.body)
	}
	s.closed(websocket.ClosePolicyViolation, "device_revoked")
	b.do("GET", protocol.PathOffers, nil).refused(t, http.StatusForbidden, protocol.CodeDeviceRevoked)
	b.do("GET", protocol.PathSocket, nil).refused(t, http.StatusForbidden, protocol.CodeDeviceRevoked)
	theirs.say(protocol.TypePing, "p", nil)
	theirs.await(protocol.TypePong)
}

// The command line, or another server on the same database, revokes a box that
// is connected here: its next word after a while ends it.
func TestSocket_RevokedElsewhere(t *testing.T) {
	r := newRig(t, func(c *Config) { c.waits.recheck = time.Nanosecond })
	b := r.enrol("a")
	s, _ := b.dial()
	err := r.store.Tx(t.Context(), func(tx *store.Tx) error { return tx.RevokeDevice(t.Context(), b.id, time.Now()) })
	if err != nil {
		t.Fatal(err)
	}
	s.say(protocol.TypePong, "p", nil)
	s.closed(websocket.ClosePolicyViolation, "device_revoked")
}

func TestSocket_ShutdownSaysGoingAway(t *testing.T) {
	r := newRig(t)
	var all []socket
	for i := range 5 {
		s, _ := r.enrol(fmt.Sprint("box ", i)).dial()
		all = append(all, s)
	}
	ended := make(chan error, 1)
	go func() { ended <- r.end() }()
	for _, s := range all {
		s.closed(websocket.CloseGoingAway, "")
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestSocket_HandshakeRefusals(t *testing.T) {
	r := newRig(t)
	b := r.enrol("a")
	ws := []string{
		"Connection", "Upgrade", "Upgrade", "websocket", "Sec-Websocket-Version", "13",
		"Sec-Websocket-Key", "dGhlIHNhbXBsZSBub25jZQ==", "Sec-Websocket-Protocol", protocol.Subprotocol,
	}
	for name, tc := range map[string]struct {
		change []string
		status int
		code   protocol.Code
	}{
		"foreign origin":    {[]string{"Origin", "https://evil.example"}, http.StatusForbidden, protocol.CodeForbidden},
		"null origin":       {[]string{"Origin", "null"}, http.StatusForbidden, protocol.CodeForbidden},
		"suffix trick":      {[]string{"Origin", r.url + ".evil.example"}, http.StatusForbidden, protocol.CodeForbidden},
		"other subprotocol": {[]string{"Sec-Websocket-Protocol", "illumi.v9"}, http.StatusBadRequest, protocol.CodeVersion},
		"no upgrade":        {[]string{"Upgrade", "h2c"}, http.StatusUnprocessableEntity, protocol.CodeInvalid},
		"old websocket":     {[]string{"Sec-Websocket-Version", "8"}, http.StatusUnprocessableEntity, protocol.CodeInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			b.with(ws...).with(tc.change...).do("GET", protocol.PathSocket, nil).refused(t, tc.status, tc.code)
		})
	}
	// Nobody is told what the address is before saying who asks.
	r.nobody().with(ws...).do("GET", protocol.PathSocket, nil).refused(t, http.StatusUnauthorized, protocol.CodeDeviceUnknown)
	if lines := r.log.with("hijacked"); len(lines) > 0 {
		t.Errorf("written to a hijacked connection: %s", lines)
	}
}
