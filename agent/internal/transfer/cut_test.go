package transfer

import (
	"context"
	"errors"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"
)

// cutter is a network in which every connection breaks after so many bytes.
type cutter struct {
	read, write int64 // limits for a connection; 0 never
	cuts        atomic.Int64
	down, up    atomic.Int64 // bytes that moved, all connections together
}

func (c *cutter) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &cutConn{Conn: conn, c: c, read: c.read, write: c.write}, nil
}

type cutConn struct {
	net.Conn
	c           *cutter
	read, write int64
}

var errCut = errors.New("the line is cut")

func (c *cutConn) Read(b []byte) (int, error) {
	if c.c.read > 0 {
		if c.read == 0 {
			return 0, c.cut()
		}
		b = b[:min(int64(len(b)), c.read)]
	}
	n, err := c.Conn.Read(b)
	c.read -= int64(n)
	c.c.down.Add(int64(n))
	return n, err
}

func (c *cutConn) Write(b []byte) (int, error) {
	if c.c.write == 0 || int64(len(b)) <= c.write {
		n, err := c.Conn.Write(b)
		c.write -= int64(n)
		c.c.up.Add(int64(n))
		return n, err
	}
	n, err := c.Conn.Write(b[:c.write])
	c.write -= int64(n)
	c.c.up.Add(int64(n))
	return n, errors.Join(err, c.cut())
}

func (c *cutConn) cut() error {
	c.c.cuts.Add(1)
	return errors.Join(errCut, c.Close())
}

// until repeats a call as a loop with backoff would, without the waiting.
func until(t *testing.T, most int, call func() error) {
	t.Helper()
	var err error
	for range most {
		if err = call(); err == nil {
			return
		}
	}
	t.Fatalf("not done after %d attempts: %v", most, err)
}

func TestDownload_CutAnywhere(t *testing.T) {
	data := sound(1, 3000)
	for _, every := range []int64{330, 401, 512, 777, 1000, 1499, 3100, 3300} {
		f := newFake(t)
		s := newSpool(t)
		o := f.whisper(1, 1, data)
		_, err := s.Reserve(o)
		must(t, err)
		line := &cutter{read: every}
		c := client(t, f, func(o *Options) { o.Dial = line.dial })
		until(t, 200, func() error { return c.Download(t.Context(), s, tid(1), o.Files[0]) })
		e, err := s.Complete(tid(1), 1)
		must(t, err)
		got, err := os.ReadFile(e.Path(o.Files[0]))
		if err != nil || digest(got) != digest(data) {
			t.Errorf("cut every %d bytes: other bytes arrived, %v", every, err)
		}
		if every < 3000 && line.cuts.Load() == 0 {
			t.Errorf("cut every %d bytes: never cut", every)
		}
	}
}

func TestPush_CutAnywhere(t *testing.T) {
	voice, photo := sound(1, 3000), sound(2, 500)
	for name, lines := range map[string][]*cutter{
		"sending":   {{write: 480}, {write: 611}, {write: 900}, {write: 1333}, {write: 2048}, {write: 3800}},
		"receiving": {{read: 150}, {read: 171}, {read: 260}, {read: 333}, {read: 700}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, line := range lines {
				f := newFake(t)
				s := newSpool(t)
				it := seal(t, s, 1, voice, photo)
				c := client(t, f, func(o *Options) { o.Dial, o.Chunk = line.dial, 1000 })
				// A reply's description alone is larger than the smallest budget.
				grow := func() { line.write, line.read = grown(line.write), grown(line.read) }
				until(t, 300, func() error {
					_, err := c.Push(t.Context(), s, it)
					if err != nil && line.cuts.Load()%25 == 24 {
						grow()
					}
					return err
				})
				sent, err := s.SentItems()
				must(t, err)
				if len(sent) != 1 || len(f.replies) != 1 {
					t.Fatalf("%d sent, %d replies", len(sent), len(f.replies))
				}
				if digest(f.media[digest(voice)]) != digest(voice) || digest(f.media[digest(photo)]) != digest(photo) {
					t.Error("other bytes arrived")
				}
				if line.cuts.Load() == 0 {
					t.Error("never cut")
				}
			}
		})
	}
}

func grown(n int64) int64 {
	if n == 0 {
		return 0
	}
	return n + 200
}

// TestResumes_CostLittle holds both ways to 1.1 times the bytes over lines that
// break every 500 kB.
func TestResumes_CostLittle(t *testing.T) {
	data := sound(1, 4_000_000)
	t.Run("up", func(t *testing.T) {
		f := newFake(t)
		s := newSpool(t)
		it := seal(t, s, 1, data, nil)
		line := &cutter{write: 500_000}
		c := client(t, f, func(o *Options) { o.Dial = line.dial })
		until(t, 30, func() error {
			_, err := c.Push(t.Context(), s, it)
			if err != nil {
				// A line that comes back sooner than its end was noticed costs more.
				f.settle()
			}
			return err
		})
		ratio(t, line.up.Load(), len(data), line.cuts.Load())
	})
	t.Run("down", func(t *testing.T) {
		f := newFake(t)
		s := newSpool(t)
		o := f.whisper(1, 1, data)
		_, err := s.Reserve(o)
		must(t, err)
		line := &cutter{read: 500_000}
		c := client(t, f, func(o *Options) { o.Dial = line.dial })
		until(t, 30, func() error { return c.Download(t.Context(), s, tid(1), o.Files[0]) })
		ratio(t, line.down.Load(), len(data), line.cuts.Load())
	})
}

func ratio(t *testing.T, moved int64, size int, cuts int64) {
	t.Helper()
	r := float64(moved) / float64(size)
	t.Logf("%.3f times the bytes, %d cuts", r, cuts)
	if r > 1.1 || cuts < 7 {
		t.Errorf("%.3f times the bytes with %d cuts, want at most 1.1 with 7", r, cuts)
	}
}

func TestStalledBodyEnds(t *testing.T) {
	f := newFake(t)
	s := newSpool(t)
	data := sound(1, 100_000)
	o := f.whisper(1, 1, data)
	_, err := s.Reserve(o)
	must(t, err)
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	f.set(stallHalfway(data, release))
	c := client(t, f, func(o *Options) { o.Stall = 50 * time.Millisecond })
	if err := c.Download(t.Context(), s, tid(1), o.Files[0]); !errors.Is(err, ErrStalled) {
		t.Fatalf("error %v, want ErrStalled", err)
	}
	f.set(nil)
	line := &cutter{}
	c = client(t, f, func(o *Options) { o.Dial = line.dial })
	must(t, c.Download(t.Context(), s, tid(1), o.Files[0]))
	if got := line.down.Load(); got > 60_000 {
		t.Errorf("%d bytes came again, half would do", got)
	}
}

func TestContextEndsARequest(t *testing.T) {
	f := newFake(t)
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	began := make(chan struct{}, 1)
	f.set(hang(began, release))
	c := client(t, f, nil)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("stopping")
	go func() {
		<-began
		cancel(why)
	}()
	if _, err := c.Offers(ctx, ""); !errors.Is(err, why) {
		t.Errorf("error %v, want the cause", err)
	}
}
