package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"

	"illumi/protocol"
	"illumi/server/internal/hub"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

// HelloWait is how long a box may take to introduce itself.
const HelloWait = 10 * time.Second

// RecheckEvery is how often a live connection's right is looked up again:
// another server, or the command line, may have revoked the box.
const RecheckEvery = time.Minute

// Boxes send little and rarely, so a shared pool for writing keeps an idle
// connection cheap; the hub has a small buffer for reading.
var upgrader = websocket.Upgrader{
	HandshakeTimeout: HelloWait,
	WriteBufferSize:  2048,
	WriteBufferPool:  &sync.Pool{},
	Subprotocols:     []string{protocol.Subprotocol},
}

// socket upgrades, reads the hello and hands the connection to the hub. After
// the upgrade it returns nil: the response is gone. It returns soon, since
// net/http's buffers, the request and Echo's context live as long as it runs.
func (a *API) socket(c echo.Context) error {
	d := device(c)
	if !slices.Contains(websocket.Subprotocols(c.Request()), protocol.Subprotocol) {
		return model.Refuse(protocol.CodeVersion, "This address speaks "+protocol.Subprotocol+" over a websocket.", "Update the box, or the server.")
	}
	refused := 0
	up := upgrader
	up.Error = func(_ http.ResponseWriter, _ *http.Request, status int, _ error) { refused = status } // the one renderer answers
	ws, err := hub.Upgrade(up, c.Response(), c.Request())
	switch {
	case refused == http.StatusForbidden:
		return &model.Error{
			Code: protocol.CodeForbidden, Sentence: "This request came from another website and was stopped.",
			Next: "Boxes send no Origin.", Wrapped: err,
		}
	case refused != 0:
		return &model.Error{
			Code: protocol.CodeInvalid, Sentence: "This request cannot become a websocket.",
			Next: "Look whether a proxy between box and server lets websockets through.", Wrapped: err,
		}
	case err != nil:
		a.Log.Debug("a box went while it connected", "device", d.ID, "error", err)
		return nil
	}
	hello, err := a.firstWord(ws)
	if err != nil {
		a.Log.Debug("a box could not be greeted", "device", d.ID, "error", err)
		ws.CloseWith(err)
		return nil
	}
	a.Hub.Serve(a.Base, ws, d.ID, hello, &session{api: a, id: d.ID, device: &d, authorization: c.Request().Header.Get("Authorization")})
	return nil
}

// firstWord reads the one message that every connection begins with.
func (a *API) firstWord(ws hub.Socket) (protocol.Message, error) {
	stop := context.AfterFunc(a.Base, func() {
		_ = ws.NetConn().SetReadDeadline(time.Now()) // gone already: fine
	})
	defer stop()
	ws.Limit(protocol.MaxMessageBytes)
	if err := ws.NetConn().SetReadDeadline(time.Now().Add(cmp.Or(a.HelloWait, HelloWait))); err != nil {
		return protocol.Message{}, fmt.Errorf("api: %w", err)
	}
	m, err := ws.Read()
	if err == nil && m.Type != protocol.TypeHello {
		err = hub.Refuse(protocol.CodeInvalid)
	}
	return m, err
}

// session is what one connection remembers: little, for as long as it lasts.
type session struct {
	api           *API
	id            string
	device        *model.Device // until it is welcomed
	authorization string
	checked       time.Time
}

// Ended makes the box's last word visible at once.
func (s *session) Ended(err error) {
	s.api.Presence.Disconnected(s.id)
	s.api.Log.Debug("a box went offline", "device", s.id, "reason", fmt.Sprint(err))
}

// Message answers one message of a box. Progress is acknowledged only after
// its commit; a refusal is acknowledged with its code, so that the box stops
// repeating it; anything else closes the connection and is repeated.
func (s *session) Message(ctx context.Context, m protocol.Message) ([]byte, error) {
	if err := s.allowed(ctx); err != nil {
		return nil, err
	}
	s.api.Presence.Heard(s.id)
	switch m.Type {
	case protocol.TypeHello:
		return s.hello(ctx, m)
	case protocol.TypePing:
		return protocol.Encode(protocol.TypePong, m.ID, nil)
	case protocol.TypeDelivered, protocol.TypeHeard, protocol.TypeRecording, protocol.TypeSaved:
		return s.progress(ctx, m)
	case protocol.TypeReport:
		return s.report(ctx, m)
	case protocol.TypeStatus:
		var st protocol.Status
		if err := protocol.Decode(m.Body, &st); err != nil || st.Check() != nil {
			return ack(m.ID, protocol.CodeInvalid)
		}
		s.api.Presence.Status(s.id, st)
		return ack(m.ID, "")
	}
	return nil, nil // a pong, or a type of a later version
}

// allowed looks now and then whether the box still has its right. A database
// that does not answer takes it from nobody.
func (s *session) allowed(ctx context.Context) error {
	now := s.api.Now()
	if now.Sub(s.checked) < cmp.Or(s.api.Recheck, RecheckEvery) {
		return nil
	}
	_, err := s.api.Devices.AuthenticateDevice(ctx, s.authorization)
	if refusal, ok := model.AsError(err); ok {
		return hub.Refuse(refusal.Code)
	}
	if err == nil {
		s.checked = now
	}
	return nil
}

func (s *session) hello(ctx context.Context, m protocol.Message) ([]byte, error) {
	d := s.device
	if s.device = nil; d == nil { // it says anew what it can do
		now, err := s.api.Devices.AuthenticateDevice(ctx, s.authorization)
		if refusal, ok := model.AsError(err); ok {
			return nil, hub.Refuse(refusal.Code)
		}
		if err != nil {
			return nil, err
		}
		d = &now
	}
	s.missed(ctx, d.LastSeenAt)
	s.requests(ctx)
	var hello protocol.Hello
	if protocol.Decode(m.Body, &hello) != nil || hello.Check() != nil {
		return nil, hub.Refuse(protocol.CodeInvalid)
	}
	if hello.Version > protocol.Version {
		return nil, hub.Refuse(protocol.CodeVersion)
	}
	a := s.api
	a.Presence.Connected(s.id, hello)
	a.Log.Debug("a box is online", "device", s.id, "agent", hello.Agent)
	return protocol.Encode(protocol.TypeWelcome, m.ID, protocol.Welcome{
		Version: protocol.Version, ServerTime: a.Now().UTC(), Server: a.Server, ServerID: a.ServerID,
		Device: d.ID, Name: d.Name, Settings: relay.SettingsOf(d.Site),
		Features: []string{protocol.FeatureHealth},
	})
}

// missed tells a box of the reminder that came while it was away. The hub
// writes it after the welcome.
func (s *session) missed(ctx context.Context, since time.Time) {
	ref, ok, err := s.api.Relay.Missed(ctx, s.id, since)
	if err != nil {
		s.api.Log.Error("a missed reminder could not be looked up", "device", s.id, "error", err)
		return
	}
	if ok {
		s.api.Hub.Send(s.id, protocol.TypeRemind, ref)
	}
}

func (s *session) progress(ctx context.Context, m protocol.Message) ([]byte, error) {
	var p protocol.Progress
	if err := protocol.Decode(m.Body, &p); err != nil {
		return ack(m.ID, protocol.CodeInvalid)
	}
	err := s.api.Relay.Progress(ctx, s.id, m.Type, p)
	if refusal, ok := model.AsError(err); ok {
		return ack(m.ID, refusal.Code)
	}
	if err != nil {
		// Logged here: behind an upgrade there is no renderer.
		s.api.Log.Error("a box's progress could not be stored", "device", s.id, "type", string(m.Type), "error", err)
		return nil, errors.New("api: progress not stored")
	}
	return ack(m.ID, "")
}

func ack(id string, code protocol.Code) ([]byte, error) {
	return protocol.Encode(protocol.TypeAck, id, protocol.Ack{ID: id, Code: code})
}
