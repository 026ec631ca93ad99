// Package transfer moves whispers to the box and replies from it, over plain
// requests that can each be repeated. It believes bytes only by their digest,
// and a reply only by its receipt.
package transfer

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"illumi/protocol"
)

// Errors a caller may act on.
var (
	// ErrStalled: no byte moved for Options.Stall.
	ErrStalled = errors.New("nothing moved for too long")
	// ErrNotOurs: something answered that is not an illumi server, such as the
	// sign-in page of a public Wi-Fi.
	ErrNotOurs = errors.New("the answer is not from an illumi server; check the address, or sign in to the Wi-Fi")
	// ErrLied: the server's answer contradicts itself or what was asked.
	ErrLied = errors.New("the server's answer does not fit")
	// ErrPlain: http without TLS beyond this machine.
	ErrPlain = errors.New("the server's address must begin with https://")
)

// Options of a Client.
type Options struct {
	Server string // base address
	Secret string // the box's; empty only for Enroll
	Board  string // the board's serial, as enrolled
	// Plain allows http to another machine, where recordings could be overheard.
	Plain bool
	// Stall ends a request in which no byte moved for so long; 0 is 45 s. There
	// is no limit on how long a body takes while it moves.
	Stall time.Duration
	// Stale is for how long nothing may have moved in a request that Renew leaves
	// alone; 0 is 5 s.
	Stale time.Duration
	// Chunk is the size of one upload request in bytes; 0 is 2 MiB.
	Chunk int64
	TLS   *tls.Config
	// Dial replaces the network, for tests.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Client speaks the device API of one server. Its methods may be called
// concurrently.
type Client struct {
	o    Options
	base *url.URL
	way  atomic.Pointer[http.Client] // the connections in use; see leave

	mu     sync.Mutex
	pulses map[*pulse]struct{} // of the requests under way
}

// New makes a client. It does not connect.
func New(o Options) (*Client, error) {
	base, err := url.Parse(o.Server)
	if err != nil || base.Host == "" || base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, fmt.Errorf("transfer: %.80q is no address of a server", o.Server)
	}
	switch {
	case base.Scheme == "https":
	case base.Scheme == "http" && (o.Plain || loopback(base.Hostname())):
	default:
		return nil, ErrPlain
	}
	base.Path = strings.TrimRight(base.Path, "/")
	if o.Stall == 0 {
		o.Stall = 45 * time.Second
	}
	if o.Chunk == 0 {
		o.Chunk = 2 << 20
	}
	if o.Dial == nil {
		o.Dial = (&net.Dialer{Timeout: 15 * time.Second}).DialContext
	}
	if o.Stale == 0 {
		o.Stale = 5 * time.Second
	}
	c := &Client{o: o, base: base, pulses: map[*pulse]struct{}{}}
	c.way.Store(c.newWay())
	return c, nil
}

func (c *Client) newWay() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: c.o.Dial, TLSClientConfig: c.o.TLS,
			TLSHandshakeTimeout: 15 * time.Second, IdleConnTimeout: 90 * time.Second,
			MaxIdleConnsPerHost: 2, DisableCompression: true, ForceAttemptHTTP2: true,
		},
		// A redirect would carry the secret to an address nobody typed.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// leave lets further requests make connections of their own. HTTP/2 would put
// each on the one that there is, dead or not; what still moves there may end.
func (c *Client) leave(way *http.Client) {
	c.way.CompareAndSwap(way, c.newWay())
	way.CloseIdleConnections()
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// Close drops idle connections.
func (c *Client) Close() { c.way.Load().CloseIdleConnections() }

// Error is a request that failed. Unwrap gives a *protocol.Problem where the
// server said what is wrong.
type Error struct {
	Op         string // what was tried
	Status     int    // 0 where there was no answer
	RetryAfter time.Duration
	Err        error
}

func (e *Error) Error() string { return e.Op + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// IsAuth reports that the server refuses this box: only people can mend it.
func IsAuth(err error) bool {
	p, ok := errors.AsType[*protocol.Problem](err)
	return ok && slices.Contains([]protocol.Code{protocol.CodeDeviceUnknown, protocol.CodeDeviceRevoked, protocol.CodeDeviceHeld, protocol.CodeSignIn}, p.Code)
}

// IsRefused reports that the server understood and will say no again.
func IsRefused(err error) bool {
	p, ok := errors.AsType[*protocol.Problem](err)
	return ok && slices.Contains([]protocol.Code{
		protocol.CodeInvalid, protocol.CodeVersion, protocol.CodeForbidden, protocol.CodeHopUnknown, protocol.CodeReplyDiffers,
		protocol.CodeMediaRefused, protocol.CodeReplyForwarded,
	}, p.Code)
}

func status(err error) int {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Status
	}
	return 0
}

// moving beats with every read that brings something.
type moving struct {
	io.Reader
	p *pulse
}

func (m moving) Read(b []byte) (int, error) {
	n, err := m.Reader.Read(b)
	if n > 0 {
		m.p.beat()
	}
	return n, err
}

// send makes one request; op names it in errors. The caller closes the body.
func (c *Client) send(ctx context.Context, op, method, at string, header http.Header, body io.Reader, size int64) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base.String()+at, body)
	if err != nil {
		return nil, &Error{Op: op, Err: err}
	}
	if body != nil {
		req.ContentLength = size
	}
	for k, v := range header {
		req.Header[k] = v
	}
	if c.o.Secret != "" {
		req.Header.Set("Authorization", "Bearer "+c.o.Secret)
	}
	if c.o.Board != "" {
		req.Header.Set(protocol.HeaderBoard, c.o.Board)
	}
	req.Header.Set("User-Agent", "illumi-agent/"+protocol.Build)
	resp, err := c.way.Load().Do(req)
	if err != nil {
		return nil, &Error{Op: op, Err: cause(ctx, err)}
	}
	return resp, nil
}

// cause prefers why a context ended to what that looked like.
func cause(ctx context.Context, err error) error {
	if why := context.Cause(ctx); why != nil {
		return why
	}
	return err
}

// refusal is the error of an answer that was not hoped for. It reads the body.
func refusal(op string, resp *http.Response) error {
	e := &Error{Op: op, Status: resp.StatusCode}
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
		e.RetryAfter = min(time.Duration(s)*time.Second, time.Hour)
	}
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err == nil && kind == protocol.ProblemType {
		body, err := io.ReadAll(io.LimitReader(resp.Body, protocol.MaxBodyBytes))
		var p protocol.Problem
		if err == nil && protocol.DecodeLoose(body, &p) == nil && p.Code != "" {
			e.Err = &p
			return e
		}
	}
	switch {
	case resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusRequestTimeout:
		e.Err = fmt.Errorf("the server answered %d", resp.StatusCode)
	case resp.Header.Get("Tus-Resumable") != "":
		e.Err = fmt.Errorf("the upload was answered with %d", resp.StatusCode)
	default:
		e.Err = fmt.Errorf("%w (%d)", ErrNotOurs, resp.StatusCode)
	}
	return e
}

// call sends JSON and reads JSON. The answer is bounded and checked.
func (c *Client) call(ctx context.Context, op, method, at string, in, out any) (err error) {
	ctx, p := c.pulse(ctx)
	defer p.stop()
	var body io.Reader
	var size int64
	header := http.Header{"Accept": {"application/json"}}
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return &Error{Op: op, Err: err}
		}
		body, size = moving{bytes.NewReader(data), p}, int64(len(data))
		header.Set("Content-Type", "application/json")
	}
	resp, err := c.send(ctx, op, method, at, header, body, size)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusCreated {
		return refusal(op, resp)
	}
	if kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return &Error{Op: op, Status: resp.StatusCode, Err: ErrNotOurs}
	}
	data, err := io.ReadAll(io.LimitReader(moving{resp.Body, p}, protocol.MaxBodyBytes+1))
	if err != nil {
		return &Error{Op: op, Err: cause(ctx, err)}
	}
	if err := protocol.DecodeLoose(data, out); err != nil {
		return &Error{Op: op, Status: resp.StatusCode, Err: fmt.Errorf("%w: %w", ErrLied, err)}
	}
	if checked, ok := out.(interface{ Check() error }); ok {
		if err := checked.Check(); err != nil {
			return &Error{Op: op, Status: resp.StatusCode, Err: fmt.Errorf("%w: %w", ErrLied, err)}
		}
	}
	return nil
}
