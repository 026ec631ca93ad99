package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"

	"illumi/protocol"
	"illumi/server/internal/hub"
	"illumi/server/internal/model"
)

// helloWait is how long a box may take to introduce itself.
const helloWait = 10 * time.Second

// Boxes send little and rarely, so small buffers and a shared write pool keep
// an idle connection cheap.
var upgrader = websocket.Upgrader{
	HandshakeTimeout: helloWait,
	ReadBufferSize:   512,
	WriteBufferSize:  2048,
	WriteBufferPool:  &sync.Pool{},
	Subprotocols:     []string{protocol.Subprotocol},
	Error: func(w http.ResponseWriter, _ *http.Request, status int, reason error) {
		http.Error(w, reason.Error(), status)
	},
}

// socket upgrades, reads the hello, answers with the welcome and hands the
// connection to the hub. After the upgrade it returns nil: the response is gone.
func (a *API) socket(c echo.Context) error {
	d := device(c)
	ws, err := upgrader.Upgrade(c.Response(), c.Request(), nil)
	if err != nil {
		return nil //nolint:nilerr // the upgrader has answered
	}
	hello, first, err := a.greet(ws, d)
	if err != nil {
		a.Log.Debug("a box could not be greeted", "device", d.ID, "error", err)
		if err := hub.CloseWith(ws, err); err != nil {
			a.Log.Debug("a box went before its goodbye", "device", d.ID, "error", err)
		}
		return nil
	}
	a.Presence.Connected(d.ID, hello)
	defer a.Presence.Disconnected(d.ID)
	err = a.Hub.Serve(a.Base, ws, d.ID, first, func(ctx context.Context, m protocol.Message) ([]byte, error) {
		return a.message(ctx, d.ID, m)
	})
	a.Log.Debug("a box's connection ended", "device", d.ID, "reason", fmt.Sprint(err))
	return nil
}

func (a *API) greet(ws *websocket.Conn, d model.Device) (protocol.Hello, []byte, error) {
	var hello protocol.Hello
	ws.SetReadLimit(protocol.MaxMessageBytes)
	if err := ws.SetReadDeadline(time.Now().Add(helloWait)); err != nil {
		return hello, nil, fmt.Errorf("api: %w", err)
	}
	m, err := hub.ReadMessage(ws)
	if err != nil {
		return hello, nil, err
	}
	if m.Type != protocol.TypeHello || protocol.Decode(m.Body, &hello) != nil || hello.Check() != nil {
		return hello, nil, hub.Refuse(protocol.CodeInvalid)
	}
	if hello.Version > protocol.Version {
		return hello, nil, hub.Refuse(protocol.CodeVersion)
	}
	first, err := protocol.Encode(protocol.TypeWelcome, m.ID, protocol.Welcome{
		Version: protocol.Version, ServerTime: a.Now().UTC(), Server: a.Server, ServerID: a.ServerID,
		Device: d.ID, Name: d.Name, Settings: DefaultSettings(),
	})
	return hello, first, err
}

// DefaultSettings are a box's settings until its page can change them.
func DefaultSettings() protocol.Settings {
	return protocol.Settings{
		Version: 1, SendMode: protocol.SendGrace, PhotoAllowed: true, Announce: true,
		QuietFrom: "21:00", QuietUntil: "08:00", Volume: 2, Language: "en",
	}
}

// message answers one message of a box. Progress is acknowledged only after
// its commit; a refusal is acknowledged with its code, so that the box stops
// repeating it; anything else closes the connection and is repeated.
func (a *API) message(ctx context.Context, device string, m protocol.Message) ([]byte, error) {
	a.Presence.Heard(device)
	switch m.Type {
	case protocol.TypeDelivered, protocol.TypeHeard, protocol.TypeRecording, protocol.TypeSaved:
		var p protocol.Progress
		if err := protocol.Decode(m.Body, &p); err != nil {
			return ack(m.ID, protocol.CodeInvalid)
		}
		err := a.Relay.Progress(ctx, device, m.Type, p)
		if refusal, ok := model.AsError(err); ok {
			return ack(m.ID, refusal.Code)
		}
		if err != nil {
			a.Log.Error("a box's progress could not be stored", "device", device, "type", string(m.Type), "error", err)
			return nil, errors.New("api: progress not stored")
		}
		return ack(m.ID, "")
	case protocol.TypeStatus:
		var s protocol.Status
		if err := protocol.Decode(m.Body, &s); err != nil || s.Check() != nil {
			return ack(m.ID, protocol.CodeInvalid)
		}
		a.Presence.Status(device, s)
		return ack(m.ID, "")
	}
	return nil, nil // a type of a later version
}

func ack(id string, code protocol.Code) ([]byte, error) {
	return protocol.Encode(protocol.TypeAck, id, protocol.Ack{ID: id, Code: code})
}
