package link

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"illumi/agent/internal/beat"
	"illumi/protocol"
)

const (
	// writeWait is how long the line may take nothing. It is as long as a silence,
	// and so put off by each ping: the timer of a shorter one wakes an idle box,
	// also when it was taken back.
	writeWait   = time.Minute
	welcomeWait = 15 * time.Second
	// resendAfter is how long an ack may take before its message goes again.
	resendAfter = time.Minute
)

// refusal says why there is no socket.
func refusal(resp *http.Response) error {
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	ours := err == nil && kind == protocol.ProblemType
	p := &protocol.Problem{Title: "Refused", Status: resp.StatusCode, Detail: "The server does not know this box.", Code: protocol.CodeDeviceUnknown}
	if ours {
		// gorilla keeps the first 1,024 bytes of the body.
		if body, err := io.ReadAll(resp.Body); err == nil {
			var said protocol.Problem
			if protocol.DecodeLoose(body, &said) == nil && said.Code != "" {
				p = &said
			}
		}
	}
	switch {
	case ours && (resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden):
		return fmt.Errorf("link: connect: %w", &Refused{Problem: p})
	case ours:
		return fmt.Errorf("link: connect: %w", p)
	case resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests:
		return fmt.Errorf("link: connect: the server answered %d", resp.StatusCode)
	}
	return fmt.Errorf("link: connect: %w (%d)", ErrNotOurs, resp.StatusCode)
}

// session is one connection.
type session struct {
	l    *Link
	conn *websocket.Conn
	// sent is when each unacknowledged message last went out on this connection.
	sent map[string]time.Time
	// resent is when resend last looked.
	resent time.Time
	out    chan []byte // answers of the reader to the writer
	// ping is what is sent each time, and pong the answer that a server makes of
	// it: known by its bytes, it need not be understood three times a minute.
	ping, pong []byte
}

// runOnce makes one connection and serves it until it ends. welcomed reports
// whether the server let us in.
func (l *Link) runOnce(ctx context.Context) (welcomed bool, err error) {
	conn, err := l.dial(ctx)
	if err != nil {
		return false, err
	}
	s := &session{l: l, conn: conn, sent: map[string]time.Time{}, out: make(chan []byte, 16)}
	id := l.nextID() // nobody asks which ping a pong is for
	ping, err1 := protocol.Encode(protocol.TypePing, id, nil)
	pong, err2 := protocol.Encode(protocol.TypePong, id, nil)
	if err := errors.Join(err1, err2); err != nil {
		return false, errors.Join(err, conn.Close())
	}
	s.ping, s.pong = ping, pong
	// A connection blocks in reads; its end is how it learns of ctx.
	stop := context.AfterFunc(ctx, func() { s.close(websocket.CloseGoingAway, "") })
	defer stop()
	w, err := s.greet()
	if err != nil {
		s.close(closeCode(err), "")
		return false, err
	}
	l.setUp(true, w.Has(protocol.FeatureHealth))
	defer l.setUp(false, false)
	l.o.Logger.Info("link is up", "server_time", w.ServerTime)
	hint := Hint{Kind: Up, Welcome: w}
	if w.Settings.Check() == nil {
		hint.Settings = &w.Settings
	}
	if !l.tell(ctx, hint) {
		s.close(websocket.CloseGoingAway, "")
		return true, context.Cause(ctx)
	}
	return true, s.serve(ctx)
}

// greet says hello and waits for the welcome.
func (s *session) greet() (protocol.Welcome, error) {
	var w protocol.Welcome
	s.conn.SetReadLimit(protocol.MaxMessageBytes)
	frame, err := protocol.Encode(protocol.TypeHello, s.l.nextID(), s.l.o.Hello())
	if err != nil {
		return w, err
	}
	if err := s.write(frame); err != nil {
		return w, fmt.Errorf("link: hello: %w", err)
	}
	if err := s.conn.SetReadDeadline(time.Now().Add(welcomeWait)); err != nil {
		return w, err
	}
	m, err := s.read()
	if err != nil {
		return w, fmt.Errorf("link: welcome: %w", err)
	}
	if m.Type != protocol.TypeWelcome {
		return w, fmt.Errorf("link: welcome: %w: a %.20q came first", ErrNotOurs, m.Type)
	}
	if err := protocol.DecodeLoose(m.Body, &w); err != nil {
		return w, fmt.Errorf("link: welcome: %w", err)
	}
	if err := w.Check(); err != nil {
		return w, fmt.Errorf("link: welcome: %w", err)
	}
	return w, nil
}

// serve runs the one writer beside the one reader, and waits for both.
func (s *session) serve(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.writer(ctx); err != nil {
			cancel(err)
			s.close(closeCode(err), "")
		}
	})
	err := s.reader(ctx)
	// The writer's error came first where it closed the connection.
	if why := context.Cause(ctx); why != nil {
		err = why
	}
	cancel(err)
	s.close(closeCode(err), "")
	wg.Wait()
	return err
}

func (s *session) reader(ctx context.Context) error {
	alive := func() error { return s.conn.SetReadDeadline(time.Now().Add(s.l.o.DeadAfter)) }
	answer := s.conn.PingHandler()
	s.conn.SetPingHandler(func(data string) error { return errors.Join(alive(), answer(data)) })
	s.conn.SetPongHandler(func(string) error { return alive() })
	for {
		if err := alive(); err != nil {
			return err
		}
		m, err := s.read()
		if err != nil {
			if netErr, ok := errors.AsType[net.Error](err); ok && netErr.Timeout() {
				return fmt.Errorf("link: read: %w", ErrSilent)
			}
			return fmt.Errorf("link: read: %w", err)
		}
		h, err := s.understand(m)
		if err != nil {
			// One senseless hint is lost like any other; the line is good.
			s.l.o.Logger.Warn("message passed over", "type", string(m.Type), "error", err)
			continue
		}
		if h.Kind != "" && !s.l.tell(ctx, h) {
			return context.Cause(ctx)
		}
	}
}

// errNotText is closed with 1003.
var errNotText = errors.New("the server sent something that is not text")

// read returns one well-formed message.
func (s *session) read() (protocol.Message, error) {
	kind, frame, err := s.conn.ReadMessage()
	if err != nil {
		return protocol.Message{}, err
	}
	if kind != websocket.TextMessage {
		return protocol.Message{}, errNotText
	}
	if bytes.Equal(frame, s.pong) {
		return protocol.Message{Type: protocol.TypePong}, nil
	}
	return protocol.ParseMessageLoose(frame)
}

// understand turns a message into a hint; none for what needs no telling.
func (s *session) understand(m protocol.Message) (h Hint, err error) {
	switch m.Type {
	case protocol.TypePing:
		pong, err := protocol.Encode(protocol.TypePong, m.ID, nil)
		if err != nil {
			return h, err
		}
		select {
		case s.out <- pong:
		default: // the writer is stuck and will fail by its deadline
		}
		return h, nil
	case protocol.TypeOffers, protocol.TypePause, protocol.TypeResume:
		h.Kind = Kind(m.Type)
	case protocol.TypeEnd, protocol.TypeCheck, protocol.TypePractice:
		h.Kind = Kind(m.Type)
		err = body(m, &h.Request)
	case protocol.TypeRecall, protocol.TypeRemind:
		h.Kind = Kind(m.Type)
		err = body(m, &h.Ref)
	case protocol.TypeSettings:
		h.Kind, h.Settings = Settings, new(protocol.Settings)
		err = body(m, h.Settings)
	case protocol.TypeNotice:
		var text protocol.NoticeText
		err = body(m, &text)
		h.Kind, h.Text = Notice, text.Text
	case protocol.TypeAck:
		h.Kind = Acked
		err = body(m, &h.Ack)
	}
	return h, err // no kind: a pong, or what a later server may say
}

// body reads a message's body into v and checks it.
func body(m protocol.Message, v any) error {
	if err := protocol.DecodeLoose(m.Body, v); err != nil {
		return err
	}
	if c, ok := v.(interface{ Check() error }); ok {
		return c.Check()
	}
	return nil
}

// writer is the only one that writes messages. It pings, and with a ping once in
// resendAfter sends again what waits too long for its ack.
func (s *session) writer(ctx context.Context) error {
	tick := time.NewTimer(beat.Next(s.l.o.PingEvery))
	defer tick.Stop()
	if err := s.resend(); err != nil {
		return err
	}
	for {
		var frame []byte
		select {
		case <-ctx.Done():
			return nil
		case o := <-s.l.queue:
			frame = o.frame
			s.sent[o.id] = time.Now()
		case frame = <-s.out:
		case <-tick.C:
			tick.Reset(beat.Next(s.l.o.PingEvery))
			if err := s.write(s.ping); err != nil {
				return fmt.Errorf("link: ping: %w", err)
			}
			if time.Since(s.resent) < resendAfter {
				continue // nothing can be due
			}
			if err := s.resend(); err != nil {
				return err
			}
			continue
		}
		if err := s.write(frame); err != nil {
			return fmt.Errorf("link: write: %w", err)
		}
	}
}

// resend sends every pending message that did not go out lately.
func (s *session) resend() error {
	pending, err := s.l.o.Pending()
	if err != nil {
		return fmt.Errorf("link: pending messages: %w", err)
	}
	s.resent = time.Now()
	still := map[string]time.Time{}
	for _, m := range pending {
		if m.Type == protocol.TypeReport && !s.l.Health() {
			continue
		}
		if at, ok := s.sent[m.ID]; ok && time.Since(at) < resendAfter {
			still[m.ID] = at
			continue
		}
		frame, err := encode(m)
		if err != nil {
			return err
		}
		if err := s.write(frame); err != nil {
			return fmt.Errorf("link: write: %w", err)
		}
		still[m.ID] = time.Now()
	}
	s.sent = still
	return nil
}

func (s *session) write(frame []byte) error {
	if err := s.conn.SetWriteDeadline(time.Now().Add(writeWait)); err != nil {
		return err
	}
	return s.conn.WriteMessage(websocket.TextMessage, frame)
}

// close says goodbye as well as it still can and frees the connection. Safe
// beside a writer: gorilla lets control frames pass.
func (s *session) close(code int, text string) {
	if code != 0 {
		// A peer that is gone cannot be told; that it is gone is known already.
		_ = s.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, text), time.Now().Add(time.Second))
	}
	_ = s.conn.Close()
}

// closeCode is what the other side is told of our reason.
func closeCode(err error) int {
	if _, ok := errors.AsType[*websocket.CloseError](err); ok {
		return 0 // gorilla has answered it
	}
	switch {
	case errors.Is(err, protocol.ErrNotUTF8):
		return websocket.CloseInvalidFramePayloadData
	case errors.Is(err, errNotText):
		return websocket.CloseUnsupportedData
	case errors.Is(err, websocket.ErrReadLimit):
		return 0 // gorilla has said 1009
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return websocket.CloseGoingAway
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return 0
	}
	return websocket.ClosePolicyViolation
}
