package firstgen

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

// Times of a connection; the protocol's own.
const (
	nameWait  = 30 * time.Second
	writeWait = 10 * time.Second
)

// conn is one box that is online.
type conn struct {
	device model.Device
	ws     *websocket.Conn
	wake   chan struct{}
	done   chan struct{}
	once   sync.Once
}

func (c *conn) look() {
	select {
	case c.wake <- struct{}{}:
	default: // it looks already
	}
}

func (c *conn) stop() { c.once.Do(func() { close(c.done) }) }

var upgrader = websocket.Upgrader{ReadBufferSize: 1 << 10, WriteBufferSize: 1 << 10}

// socket registers a box and pushes its turns until it goes.
func (s *Service) socket(c echo.Context) error {
	ws, err := upgrader.Upgrade(c.Response(), c.Request(), nil)
	if err != nil {
		return nil //nolint:nilerr // gorilla has answered
	}
	defer func() { _ = ws.Close() }() // gone already: fine
	ws.SetReadLimit(protocol.MaxMessageBytes)
	stop := context.AfterFunc(s.Base, func() { _ = ws.Close() })
	defer stop()
	box, err := s.register(c, ws)
	if err != nil {
		s.Log.Debug("a box of the first generation was not let in", "error", err)
		_ = ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.ClosePolicyViolation, err.Error()), time.Now().Add(writeWait))
		return nil
	}
	cn := &conn{device: box, ws: ws, wake: make(chan struct{}, 1), done: make(chan struct{})}
	s.enter(cn)
	defer s.leave(cn)
	go s.listen(cn)
	cn.look()
	if err := s.push(cn); err != nil {
		s.Log.Debug("a box of the first generation went", "device", box.ID, "error", err)
	}
	return nil
}

// register reads the client's first message.
func (s *Service) register(c echo.Context, ws *websocket.Conn) (model.Device, error) {
	if err := ws.SetReadDeadline(time.Now().Add(nameWait)); err != nil {
		return model.Device{}, err
	}
	_, text, err := ws.ReadMessage()
	if err != nil {
		return model.Device{}, fmt.Errorf("no name came: %w", err)
	}
	var who struct {
		Username string `json:"username"`
		Incoming string `json:"pi_incoming_username"`
	}
	if err := json.Unmarshal(text, &who); err != nil {
		return model.Device{}, errors.New("the first message is not JSON")
	}
	for _, name := range []string{who.Username, who.Incoming} {
		if box, ok := boxOf(c, name); ok && name != "" {
			return box, nil
		}
	}
	return model.Device{}, errors.New("no box of this name may come from this network")
}

// enter makes a connection the box's one: a box that comes back takes the place
// of what it left behind.
func (s *Service) enter(c *conn) {
	s.mu.Lock()
	old := s.conns[c.device.ID]
	s.conns[c.device.ID] = c
	s.mu.Unlock()
	if old != nil {
		old.stop()
	}
	s.Presence.Connected(c.device.ID, protocol.Hello{Version: 1, Agent: "first generation"})
}

func (s *Service) leave(c *conn) {
	c.stop()
	s.mu.Lock()
	mine := s.conns[c.device.ID] == c
	if mine {
		delete(s.conns, c.device.ID)
	}
	s.mu.Unlock()
	if mine {
		s.Presence.Disconnected(c.device.ID)
	}
}

// listen reads until the box goes. What it says is not understood, only heard:
// the first generation answers pings and says nothing else.
func (s *Service) listen(c *conn) {
	defer c.stop()
	alive := func() error { return c.ws.SetReadDeadline(time.Now().Add(protocol.DeadAfter)) }
	if alive() != nil {
		return
	}
	c.ws.SetPongHandler(func(string) error {
		s.Presence.Heard(c.device.ID)
		return alive()
	})
	for {
		if _, _, err := c.ws.NextReader(); err != nil {
			return
		}
		s.Presence.Heard(c.device.ID)
		if alive() != nil {
			return
		}
	}
}

// push sends each turn once a connection; a box that comes back is told again.
func (s *Service) push(c *conn) error {
	ping := time.NewTicker(protocol.PingEvery)
	defer ping.Stop()
	told := ""
	for {
		select {
		case <-c.done:
			return nil
		case <-s.Base.Done():
			return c.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseGoingAway, ""), time.Now().Add(writeWait))
		case <-ping.C:
			if err := c.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeWait)); err != nil {
				return err
			}
			boxes, err := s.list(s.Base)
			if err == nil && !listed(boxes, c.device.ID) {
				return errors.New("the box was removed")
			}
		case <-c.wake:
		}
		now, err := s.tell(c, told)
		if err != nil {
			return err
		}
		told = now
	}
}

func listed(boxes []model.Device, id string) bool {
	for _, d := range boxes {
		if d.ID == id {
			return true
		}
	}
	return false
}

// tell pushes the present turn unless it was the last that this connection was
// told; it returns what it was told now.
func (s *Service) tell(c *conn, told string) (string, error) {
	page, err := s.Relay.Offers(s.Base, c.device.ID, "")
	if err != nil {
		return told, err
	}
	if len(page.Offers) == 0 {
		return "", nil
	}
	if key := fmt.Sprint(page.Offers[0].Hop, page.Offers[0].Epoch); key == told {
		return told, nil
	}
	turn, ok, err := s.Relay.FirstGenTurn(s.Base, c.device.ID)
	if err != nil || !ok {
		return told, err
	}
	if err := c.ws.SetWriteDeadline(time.Now().Add(writeWait)); err != nil {
		return told, err
	}
	if err := c.ws.WriteJSON(s.message(turn)); err != nil {
		return told, err
	}
	s.Log.Debug("a box of the first generation was told of its turn", "device", c.device.ID)
	return fmt.Sprint(turn.Hop, turn.Epoch), nil
}

// message is the first generation's push. A whisper without a picture has an
// empty image_url.
func (s *Service) message(t relay.FirstGenTurn) map[string]string {
	url := func(role protocol.Role) string {
		name, ok := t.Names[role]
		if !ok {
			return ""
		}
		return s.PublicURL + PathFiles + name + model.File{Type: t.Types[role]}.Extension()
	}
	return map[string]string{
		"audio_url": url(protocol.RoleAudio), "image_url": url(protocol.RoleImage),
		"whisper_id": t.Whisper, "project_id": t.Project, "timestamp": s.Now().UTC().Format(time.RFC3339),
	}
}
