// Package hook tells other people's servers what happened: it sends the messages
// that were queued with the events, signed, and again until they are taken. It
// goes to public addresses only, so that nobody uses this server to reach into
// its own network.
package hook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"syscall"
	"time"

	"illumi/server/internal/model"
)

// Headers of a message.
const (
	HeaderSignature = "Illumi-Signature" // t=UNIX,v1=HEX
	HeaderEvent     = "Illumi-Event"     // the event's id: the same when it is sent again
	HeaderDelivery  = "Illumi-Delivery"
)

const (
	timeout    = 10 * time.Second // of one try
	lease      = time.Minute
	lookAgain  = 30 * time.Second
	maxAnswer  = 64 << 10 // read of an answer, so that its connection can be used again
	senders    = 4        // one address that is slow does not keep the others
	afterError = 5 * time.Second
)

// Queue is where messages wait.
type Queue interface {
	// NextDelivery leases the message that is due longest, or says when one will be.
	NextDelivery(ctx context.Context, worker string, lease time.Duration) (d model.Delivery, h model.Hook, ok bool, next time.Time, err error)
	// FinishDelivery notes a try; failure is empty where the message was taken.
	FinishDelivery(ctx context.Context, d model.Delivery, worker string, status int, failure string) error
}

// Worker sends. Several may run on one queue.
type Worker struct {
	Queue  Queue
	Secret func(hook string) string
	// Networks may be reached although they are not public.
	Networks []netip.Prefix
	Wake     <-chan struct{}
	Name     string
	Agent    string // User-Agent
	Now      func() time.Time
	Log      *slog.Logger
}

// Sign is the signature of a body at a time, as the header carries it.
func Sign(secret string, at time.Time, body []byte) string {
	t := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(t + "."))
	mac.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// Run sends until ctx ends.
func (w *Worker) Run(ctx context.Context) error {
	client := w.client()
	var all sync.WaitGroup
	for i := range senders {
		all.Go(func() { w.work(ctx, client, w.Name+"/"+strconv.Itoa(i)) })
	}
	all.Wait()
	client.CloseIdleConnections()
	return nil
}

func (w *Worker) work(ctx context.Context, client *http.Client, name string) {
	for ctx.Err() == nil {
		wait := lookAgain
		next, err := w.drain(ctx, client, name)
		switch {
		case err != nil && ctx.Err() == nil:
			w.Log.Error("hooks could not be told", "error", err)
			wait = afterError
		case !next.IsZero():
			wait = min(max(next.Sub(w.Now()), 0), lookAgain)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-w.Wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// drain sends what is due and says when more will be.
func (w *Worker) drain(ctx context.Context, client *http.Client, name string) (time.Time, error) {
	for {
		d, h, ok, next, err := w.Queue.NextDelivery(ctx, name, lease)
		if err != nil || !ok {
			return next, err
		}
		status, failure := w.send(ctx, client, h, d)
		if ctx.Err() != nil {
			return next, nil // nobody's failure: the lease runs out, and it is sent then
		}
		if err := w.Queue.FinishDelivery(ctx, d, name, status, failure); err != nil {
			return next, err
		}
	}
}

// send tries one message; failure says in words why it was not taken.
func (w *Worker) send(ctx context.Context, client *http.Client, h model.Hook, d model.Delivery) (status int, failure string) {
	body := []byte(d.Body)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(body))
	if err != nil {
		return 0, "The address cannot be used."
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", w.Agent)
	req.Header.Set(HeaderEvent, d.EventID)
	req.Header.Set(HeaderDelivery, d.ID)
	req.Header.Set(HeaderSignature, Sign(w.Secret(h.ID), w.Now(), body))
	resp, err := client.Do(req)
	if err != nil {
		return 0, words(err)
	}
	defer func() { _ = resp.Body.Close() }()                         // read only
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer)) // what it says is nobody's business
	switch {
	case resp.StatusCode >= 200 && resp.StatusCode < 300:
		return resp.StatusCode, ""
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		return resp.StatusCode, fmt.Sprintf("The address answered %d: it has moved. Give the new address.", resp.StatusCode)
	}
	return resp.StatusCode, fmt.Sprintf("The address answered %d.", resp.StatusCode)
}

// errPrivate says that an address is not public.
var errPrivate = errors.New("the address is not public")

// words says for people what went wrong; the machine's words may name hosts.
func words(err error) string {
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.Is(err, errPrivate):
		return "The address lies in a private network. Ask your administrator to allow it with --hook-networks."
	case errors.Is(err, context.DeadlineExceeded):
		return "The address did not answer within 10 seconds."
	case errors.As(err, &dns):
		return "The address's name is not known."
	case errors.Is(err, syscall.ECONNREFUSED):
		return "Nobody listens at the address."
	case errors.As(err, &op):
		return "The address cannot be reached."
	}
	return "The connection broke, or its certificate is not good."
}

// client follows no redirects, keeps no cookies, uses no proxy, and dials only
// what may be reached: judged by the address that is dialled, not by its name,
// which may mean another one a moment later.
func (w *Worker) client() *http.Client {
	dialer := &net.Dialer{Timeout: timeout, ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
		ap, err := netip.ParseAddrPort(address)
		if err != nil || !w.reachable(ap.Addr()) {
			return errPrivate
		}
		return nil
	}}
	return &http.Client{
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: timeout, ResponseHeaderTimeout: timeout,
			MaxResponseHeaderBytes: 64 << 10, MaxIdleConns: 16, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// special are ranges that are not public although netip calls none of them private.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("100::/64"), netip.MustParsePrefix("2001::/23"),
	netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"),
}

func (w *Worker) reachable(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, n := range w.Networks {
		if n.Contains(a) {
			return true
		}
	}
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	for _, n := range special {
		if n.Contains(a) {
			return false
		}
	}
	return true
}
