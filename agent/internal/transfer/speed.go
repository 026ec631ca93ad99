package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"illumi/protocol"
)

// Speed is how the line to the server does.
type Speed struct {
	RoundTrip time.Duration
	// Down and Up are bytes a second.
	Down, Up float64
	// Server is the server's clock, halfway through the round trip.
	Server time.Time
}

// Measure times the line: a question, half a megabyte down, and half up.
func (c *Client) Measure(ctx context.Context) (s Speed, err error) {
	if _, err = c.Offers(ctx, ""); err != nil {
		return s, err
	}
	// The second question finds the connection open, as the box's questions do.
	began := time.Now()
	resp, err := c.head(ctx)
	if err != nil {
		return s, err
	}
	s.RoundTrip = time.Since(began)
	if at, err := http.ParseTime(resp.Get("Date")); err == nil {
		s.Server = at
	}
	began = time.Now()
	n, err := c.speedDown(ctx)
	if err != nil {
		return s, err
	}
	s.Down = perSecond(n, began)
	began = time.Now()
	if n, err = c.speedUp(ctx); err != nil {
		return s, err
	}
	s.Up = perSecond(n, began)
	return s, nil
}

func perSecond(n int64, began time.Time) float64 {
	return float64(n) / max(time.Since(began).Seconds(), 1e-6)
}

// head asks for as little as there is.
func (c *Client) head(ctx context.Context) (h http.Header, err error) {
	const op = "reach the server"
	ctx, p := c.pulse(ctx)
	defer p.stop()
	resp, err := c.send(ctx, op, http.MethodGet, protocol.PathOffers, http.Header{"Accept": {"application/json"}}, nil, 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	if resp.StatusCode != http.StatusOK {
		return nil, refusal(op, resp)
	}
	_, err = io.Copy(io.Discard, io.LimitReader(moving{resp.Body, p}, protocol.MaxBodyBytes))
	return resp.Header, err
}

func (c *Client) speedDown(ctx context.Context) (n int64, err error) {
	const op = "time the way down"
	ctx, p := c.pulse(ctx)
	defer p.stop()
	resp, err := c.send(ctx, op, http.MethodGet, protocol.PathSpeed, http.Header{"Accept-Encoding": {"identity"}}, nil, 0)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	if resp.StatusCode != http.StatusOK {
		return 0, refusal(op, resp)
	}
	n, err = io.Copy(io.Discard, io.LimitReader(moving{resp.Body, p}, protocol.SpeedSize))
	switch {
	case err != nil:
		return n, &Error{Op: op, Err: cause(ctx, err)}
	case n != protocol.SpeedSize:
		return n, &Error{Op: op, Status: resp.StatusCode, Err: fmt.Errorf("%w: %d bytes came", ErrLied, n)}
	}
	return n, nil
}

func (c *Client) speedUp(ctx context.Context) (n int64, err error) {
	const op = "time the way up"
	ctx, p := c.pulse(ctx)
	defer p.stop()
	header := http.Header{"Content-Type": {"application/octet-stream"}, "Accept": {"application/json"}}
	resp, err := c.send(ctx, op, http.MethodPost, protocol.PathSpeed, header, moving{protocol.SpeedBytes(), p}, protocol.SpeedSize)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	if resp.StatusCode != http.StatusOK {
		return 0, refusal(op, resp)
	}
	var out protocol.SpeedReceipt
	data, err := io.ReadAll(io.LimitReader(moving{resp.Body, p}, protocol.MaxBodyBytes))
	if err == nil {
		err = protocol.DecodeLoose(data, &out)
	}
	if err != nil || out.Received != protocol.SpeedSize {
		return 0, &Error{Op: op, Status: resp.StatusCode, Err: fmt.Errorf("%w: %d of %d bytes arrived", ErrLied, out.Received, int64(protocol.SpeedSize))}
	}
	return out.Received, nil
}
