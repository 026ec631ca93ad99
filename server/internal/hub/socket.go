package hub

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/gorilla/websocket"

	"illumi/protocol"
)

// bufferSize holds a ping with its frame several times over. gorilla uses
// buffers of the HTTP server only where they are larger than 256 bytes.
const bufferSize = 288

// Socket is an upgraded connection and the buffer that it is read through: who
// waits there for the next message needs little stack.
type Socket struct {
	ws *websocket.Conn
	in *bufio.Reader
}

// Upgrade makes a request a Socket. u's ReadBufferSize has to be zero.
func Upgrade(u websocket.Upgrader, w http.ResponseWriter, r *http.Request) (Socket, error) {
	taker := &taker{ResponseWriter: w}
	ws, err := u.Upgrade(taker, r, nil)
	return Socket{ws, taker.in}, err
}

// taker takes a connection over from net/http with a buffer of our own in the
// place of its large one.
type taker struct {
	http.ResponseWriter
	in *bufio.Reader
}

func (t *taker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := http.NewResponseController(t.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, fmt.Errorf("hub: take over a connection: %w", err)
	}
	if rw.Reader.Buffered() == 0 { // gorilla refuses who speaks before the handshake
		t.in = bufio.NewReaderSize(c, bufferSize)
		rw.Reader = t.in
	}
	return c, rw, nil
}

// NetConn is the connection below.
func (s Socket) NetConn() net.Conn { return s.ws.NetConn() }

// Limit bounds what the other side may send in one message.
func (s Socket) Limit(bytes int64) { s.ws.SetReadLimit(bytes) }

// Read reads one message and turns what a box does wrong into an error that
// closes with the right code: 1003 for binary, 1007 for text that is not UTF-8
// (gorilla leaves that check to us), 1008 for anything unreadable.
func (s Socket) Read() (m protocol.Message, err error) {
	kind, frame, err := s.ws.ReadMessage()
	if err != nil {
		return m, fmt.Errorf("hub: read: %w", err)
	}
	if kind != websocket.TextMessage {
		return m, errPeer{websocket.CloseUnsupportedData, "text only"}
	}
	m, err = protocol.ParseMessage(frame)
	if errors.Is(err, protocol.ErrNotUTF8) {
		return m, errPeer{websocket.CloseInvalidFramePayloadData, "not UTF-8"}
	}
	if err != nil {
		return m, errPeer{websocket.ClosePolicyViolation, "unreadable message"}
	}
	return m, nil
}

// CloseWith says goodbye on a connection that the hub does not have yet.
func (s Socket) CloseWith(err error) {
	c := &conn{Socket: s, writing: true}
	c.close(closeCode(err))
	c.write()
	c.part()
}
