// Package link keeps one websocket to the server for as long as the box runs.
// It carries hints, never cargo: whatever is lost with a connection is asked
// for again after the next one.
package link

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gorilla/websocket"

	"illumi/agent/internal/retry"
	"illumi/protocol"
)

// Kind says what a Hint is about.
type Kind string

// Hints. Up and Down are the link's own; the others are the server's words.
const (
	Up       Kind = "up"       // Welcome is set
	Down     Kind = "down"     // Err says why
	Offers   Kind = "offers"   // look now
	Recall   Kind = "recall"   // Ref is set
	Remind   Kind = "remind"   // Ref is set
	Pause    Kind = "pause"    //
	Resume   Kind = "resume"   //
	Settings Kind = "settings" // Settings is set
	Notice   Kind = "notice"   // Text is set
	Acked    Kind = "acked"    // Ack is set: keep it, so that the message is not sent again
	End      Kind = "end"      // Request is set: erase the study, then report WIPED
	Check    Kind = "check"    // Request is set: look through all parts, then hand in what was found
	Practice Kind = "practice" // Request is set: let somebody try
)

// Hint is something that the link has to tell. Losing one costs a retry.
type Hint struct {
	Kind    Kind
	Welcome protocol.Welcome
	// Settings is nil in an Up whose settings make no sense.
	Settings *protocol.Settings
	Ref      protocol.HopRef
	Ack      protocol.Ack
	Request  protocol.Request
	Text     string
	Err      error
}

// Errors a caller may act on.
var (
	// ErrPlain: http without TLS beyond this machine.
	ErrPlain = errors.New("the server's address must begin with https://")
	// ErrSilent: nothing was heard for Options.DeadAfter.
	ErrSilent = errors.New("the server fell silent")
	// ErrNotOurs: something answered that is not an illumi server.
	ErrNotOurs = errors.New("the answer is not from an illumi server; check the address, or sign in to the Wi-Fi")
)

// Refused is the error of a server that does not let this box in. Only people
// can mend it, so the link knocks hourly from then on.
type Refused struct{ Problem *protocol.Problem }

func (e *Refused) Error() string { return "the server refuses this box: " + e.Problem.Error() }

// Unwrap returns the server's problem.
func (e *Refused) Unwrap() error { return e.Problem }

// Options of a Link. Server, Secret and Hello are needed.
type Options struct {
	Server string // base address
	Secret string
	Board  string // the board's serial, as enrolled
	// Plain allows http to another machine.
	Plain bool
	// Hello is called before each connection.
	Hello func() protocol.Hello
	// Pending returns the progress messages that the server has not yet
	// acknowledged. It is called after each welcome and with each ping.
	Pending func() ([]protocol.Message, error)
	// Dial replaces the network; nil is the real one.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	TLS  *tls.Config
	// Backoff between connections; nil is 1 s to 5 min. A welcome resets it, but
	// not where the server then takes a newer connection of this box instead.
	Backoff *retry.Backoff
	// PingEvery and DeadAfter are the heartbeat; 0 is the protocol's.
	PingEvery, DeadAfter time.Duration
	// Hourly is the wait after a refusal; 0 is an hour.
	Hourly time.Duration
	Logger *slog.Logger
}

// Link is a connection that comes back by itself.
type Link struct {
	o     Options
	url   string
	hints chan Hint
	queue chan outgoing // for the writer of the present connection
	nudge chan struct{} // ends a wait between connections

	ids atomic.Int64

	mu sync.Mutex
	up bool
	// health says that the server of the present connection takes reports and
	// the wider status (protocol.FeatureHealth).
	health bool
}

// nextID names a message that waits for no ack: unique on its connection.
func (l *Link) nextID() string { return "a-" + strconv.FormatInt(l.ids.Add(1), 10) }

// New makes a link. It does not connect.
func New(o Options) (*Link, error) {
	u, err := url.Parse(o.Server)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("link: %.80q is no address of a server", o.Server)
	}
	switch {
	case u.Scheme == "https":
		u.Scheme = "wss"
	case u.Scheme == "http" && (o.Plain || loopback(u.Hostname())):
		u.Scheme = "ws"
	default:
		return nil, ErrPlain
	}
	u.Path = strings.TrimRight(u.Path, "/") + protocol.PathSocket
	if o.Hello == nil {
		return nil, errors.New("link: no hello")
	}
	if o.Pending == nil {
		o.Pending = func() ([]protocol.Message, error) { return nil, nil }
	}
	if o.Backoff == nil {
		o.Backoff = &retry.Backoff{Min: time.Second, Max: 5 * time.Minute}
	}
	if o.PingEvery == 0 {
		o.PingEvery = protocol.PingEvery
	}
	if o.DeadAfter == 0 {
		o.DeadAfter = protocol.DeadAfter
	}
	if o.Hourly == 0 {
		o.Hourly = time.Hour
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Link{o: o, url: u.String(), hints: make(chan Hint, 16), queue: make(chan outgoing, 64), nudge: make(chan struct{}, 1)}, nil
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// outgoing is a frame and the id of its message.
type outgoing struct {
	id    string
	frame []byte
}

// Hints is where the link tells what it hears. Someone must receive while Run
// runs: the link reads nothing more until a hint is taken.
func (l *Link) Hints() <-chan Hint { return l.hints }

// Up reports whether the server has welcomed the present connection.
func (l *Link) Up() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.up
}

// Nudge ends a wait between two connections: the network is back.
func (l *Link) Nudge() {
	select {
	case l.nudge <- struct{}{}:
	default:
	}
}

// Progress sends a message that is kept elsewhere until its ack comes. It never
// blocks; what cannot be sent now is sent from Options.Pending later.
// A report waits for a server that takes reports.
func (l *Link) Progress(m protocol.Message) error {
	frame, err := encode(m)
	if err != nil {
		return err
	}
	if m.Type == protocol.TypeReport && !l.Health() {
		return nil
	}
	l.enqueue(outgoing{m.ID, frame})
	return nil
}

// Health reports whether the present server takes reports, checks and the wider
// status, and has clips.
func (l *Link) Health() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.up && l.health
}

// Status sends how the box is. It never blocks and is lost when the link is
// down: the next one tells more. An older server is told what it takes.
func (l *Link) Status(s protocol.Status) error {
	if !l.Health() {
		s.InForce, s.Health, s.Practice = nil, nil, false
	}
	id := l.nextID()
	frame, err := protocol.Encode(protocol.TypeStatus, id, s)
	if err != nil {
		return err
	}
	l.enqueue(outgoing{id, frame})
	return nil
}

func encode(m protocol.Message) ([]byte, error) {
	var body any
	if len(m.Body) > 0 {
		body = json.RawMessage(m.Body)
	}
	return protocol.Encode(m.Type, m.ID, body)
}

// enqueue hands a frame to the writer, if there is one and it keeps up.
func (l *Link) enqueue(o outgoing) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.up {
		return
	}
	select {
	case l.queue <- o:
	default:
	}
}

func (l *Link) setUp(up, health bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.up, l.health = up, health
	for !up {
		select {
		case <-l.queue:
			continue
		default:
		}
		return
	}
}

// lookAgain is how soon a box finds out that its network is back: as long as it
// has none, waiting longer spares no server.
const lookAgain = 10 * time.Second

// noNetwork reports whether an attempt never left this machine or its network.
func noNetwork(err error) bool {
	for _, e := range []error{syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ENETDOWN} {
		if errors.Is(err, e) {
			return true
		}
	}
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && !dns.IsNotFound
}

// Run connects, again and again, until ctx ends; then it returns its cause.
func (l *Link) Run(ctx context.Context) error {
	for {
		welcomed, err := l.runOnce(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if welcomed && !replaced(err) {
			l.o.Backoff.Reset()
		}
		wait := l.o.Backoff.Next()
		if noNetwork(err) {
			wait = min(wait, lookAgain)
		}
		if _, ok := errors.AsType[*Refused](err); ok {
			wait = l.o.Hourly // and who gets the hint has more to say about it
		} else {
			l.o.Logger.Info("link is down", "error", err, "retry_in", wait.Round(time.Millisecond))
		}
		if !l.tell(ctx, Hint{Kind: Down, Err: err}) {
			return context.Cause(ctx)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-l.nudge:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

// replaced reports that the server let this connection go for a newer one of the
// same box. Where that is a copy of its card, the two would throw each other
// out for ever: each waits longer every time, until people have seen to it.
func replaced(err error) bool {
	c, ok := errors.AsType[*websocket.CloseError](err)
	return ok && c.Code == websocket.ClosePolicyViolation && c.Text == "replaced"
}

func (l *Link) tell(ctx context.Context, h Hint) bool {
	select {
	case l.hints <- h:
		return true
	case <-ctx.Done():
		return false
	}
}

// dial opens the socket and sees that it is our server's.
func (l *Link) dial(ctx context.Context) (*websocket.Conn, error) {
	network := l.o.Dial
	if network == nil {
		network = (&net.Dialer{}).DialContext
	}
	// gorilla waits for the server's answer whatever becomes of ctx, and a box
	// that is to stop must not wait with it.
	until := func() bool { return true }
	defer func() { until() }()
	d := websocket.Dialer{
		NetDialContext: func(within context.Context, kind, addr string) (net.Conn, error) {
			conn, err := network(within, kind, addr)
			if err == nil {
				until = context.AfterFunc(ctx, func() { _ = conn.Close() }) // whoever reads learns of it
			}
			return conn, err
		},
		TLSClientConfig: l.o.TLS, Proxy: http.ProxyFromEnvironment,
		HandshakeTimeout: 15 * time.Second, Subprotocols: []string{protocol.Subprotocol},
		ReadBufferSize: 2048, WriteBufferSize: 2048,
	}
	header := http.Header{"Authorization": {"Bearer " + l.o.Secret}, "User-Agent": {"illumi-agent/" + protocol.Build}}
	if l.o.Board != "" {
		header.Set(protocol.HeaderBoard, l.o.Board)
	}
	// gorilla follows no redirect: the secret goes where the installer said.
	conn, resp, err := d.DialContext(ctx, l.url, header)
	if resp != nil && resp.Body != nil {
		defer resp.Body.Close()
	}
	if err != nil {
		if resp != nil {
			return nil, refusal(resp)
		}
		return nil, fmt.Errorf("link: connect: %w", err)
	}
	if conn.Subprotocol() != protocol.Subprotocol {
		return nil, errors.Join(fmt.Errorf("link: connect: %w", ErrNotOurs), conn.Close())
	}
	return conn, nil
}
