package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"illumi/protocol"
	"illumi/scripts/e2e/world"
)

// Whispers travel in groups of boxes; each box of a group has as many turns.
const groupSize = 10

// Limits of hops. A hop may take so many fsyncs of time, with downloads,
// uploads, levelled copies and all commits, on as many processors as the boxes
// use as well. What it costs the server's processors is the same with 10 boxes
// and with 200; how many there are in a second also depends on what else the
// machine does in the second minute and did not in the first.
const (
	hopsLimit          = 60
	hopsProcessorLimit = 1.25
	hopsRateLimit      = 1.6
)

// hops lets whispers travel as fast as boxes without people can answer: at 10
// boxes, at 200, and at 10 again, so that a machine that becomes busier, or a
// server that becomes fuller, shows.
func hops(ctx context.Context, b *bench) (err error) {
	f, err := newFleet(ctx, b)
	if err != nil {
		return err
	}
	defer both(&err, f.close)
	disk, err := newDisk(f.w.Dir())
	if err != nil {
		return err
	}
	defer both(&err, disk.close)
	if err := f.enrol(ctx, 200); err != nil {
		return err
	}
	var rates, costs []float64
	for _, n := range []int{10, 200, 10} {
		t, err := f.travel(ctx, n, disk)
		if err != nil {
			return fmt.Errorf("%d boxes: %w", n, err)
		}
		turns := n * groupSize
		rate := float64(turns) / t.took.Seconds()
		rates, costs = append(rates, rate), append(costs, t.used.Seconds()/float64(turns))
		b.say("%d boxes: %d hops in %.1f s, %.1f a second, each %.1f ms of the server's processors; fsync meanwhile %s",
			n, turns, t.took.Seconds(), rate, 1000*t.used.Seconds()/float64(turns), short(t.synced))
		b.held(1/rate/t.synced.Seconds(), hopsLimit, "fsyncs", "a hop with %d boxes", n)
	}
	b.held(2*costs[1]/(costs[0]+costs[2]), hopsProcessorLimit, "×", "a hop's processor time with 200 boxes against 10")
	b.held((rates[0]+rates[2])/2/rates[1], hopsRateLimit, "×", "hops a second with 10 boxes against 200")
	return nil
}

// travelled is what a round of whispers took.
type travelled struct {
	took   time.Duration
	used   time.Duration // of processors, by the server
	synced time.Duration // one fsync meanwhile
}

// travel starts whispers, plays all boxes and waits for the last hop.
func (f *fleet) travel(ctx context.Context, n int, d *disk) (t travelled, err error) {
	project, files, err := f.stage(ctx, n)
	if err != nil {
		return t, err
	}
	sound, err := os.ReadFile(files.answer)
	if err != nil {
		return t, err
	}
	ctx, cancel := context.WithCancel(ctx)
	g := &game{sound: sound, dir: f.w.Dir(), cancel: cancel, want: int64(n * groupSize)}
	defer g.all.Wait()
	defer cancel()
	for _, box := range f.boxes[:n] {
		ws, err := connect(ctx, f.w.URL(), box)
		if err != nil {
			return t, err
		}
		g.play(ctx, box, ws)
	}
	before, err := processorTime(f.w.Server().PID())
	if err != nil {
		return t, err
	}
	began := time.Now()
	for at := 0; at < n; at += groupSize {
		if _, err := f.begin(ctx, project, files, f.boxes[at:at+groupSize], groupSize); err != nil {
			return t, err
		}
	}
	var all []time.Duration
	for ctx.Err() == nil && g.done.Load() < g.want {
		s, err := d.sync()
		if err != nil {
			return t, err
		}
		all = append(all, s)
		if err := wait(ctx, 20*time.Millisecond); err != nil {
			break
		}
	}
	t.took, t.synced = time.Since(began), median(all)
	if t.used, err = processorTime(f.w.Server().PID()); err != nil {
		return t, err
	}
	t.used -= before
	if failed := g.failed.Load(); failed != nil {
		return t, *failed
	}
	if g.done.Load() < g.want {
		return t, fmt.Errorf("%d of %d hops were done: %w", g.done.Load(), g.want, context.Cause(ctx))
	}
	return t, nil
}

// game is boxes that answer at once.
type game struct {
	sound  []byte
	dir    string
	cancel context.CancelFunc
	want   int64
	done   atomic.Int64
	failed atomic.Pointer[error]
	all    sync.WaitGroup
}

// play answers whatever comes to a box until ctx ends.
func (g *game) play(ctx context.Context, box *world.Box, ws *websocket.Conn) {
	p := &player{g: g, box: box, ws: ws, look: make(chan struct{}, 1), acks: make(chan protocol.Ack, 8)}
	p.look <- struct{}{}
	g.all.Go(func() { p.listen(ctx) })
	g.all.Go(func() {
		defer ws.Close()
		for {
			select {
			case <-ctx.Done():
				return
			case <-p.look:
			}
			if err := p.answer(ctx); err != nil && ctx.Err() == nil {
				err = fmt.Errorf("%s: %w", box.Name, err)
				g.failed.CompareAndSwap(nil, &err)
				g.cancel()
			}
		}
	})
}

// player is one box.
type player struct {
	g    *game
	box  *world.Box
	ws   *websocket.Conn
	mu   sync.Mutex // of writing
	look chan struct{}
	acks chan protocol.Ack
}

// listen hears hints and acknowledgements.
func (p *player) listen(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() { _ = p.ws.Close() }) // it may have ended
	defer stop()
	for p.ws.SetReadDeadline(time.Now().Add(protocol.DeadAfter)) == nil {
		_, data, err := p.ws.ReadMessage()
		if err != nil {
			return
		}
		m, err := protocol.ParseMessageLoose(data)
		if err != nil {
			continue
		}
		switch m.Type {
		case protocol.TypeOffers:
			select {
			case p.look <- struct{}{}:
			default:
			}
		case protocol.TypePing:
			if p.say(protocol.TypePong, m.ID, nil) != nil {
				return
			}
		case protocol.TypeAck:
			var ack protocol.Ack
			if protocol.DecodeLoose(m.Body, &ack) == nil {
				p.acks <- ack
			}
		}
	}
}

func (p *player) say(t protocol.MessageType, id string, body any) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return write(p.ws, t, id, body)
}

// answer does all turns that are open.
func (p *player) answer(ctx context.Context) error {
	page, err := p.box.Offers(ctx, "")
	if err != nil {
		return err
	}
	for _, o := range page.Offers {
		if o.State != protocol.OfferOpen {
			continue
		}
		if err := p.turn(ctx, o); err != nil {
			return err
		}
		if p.g.done.Add(1) == p.g.want {
			p.g.cancel()
		}
	}
	return nil
}

func (p *player) turn(ctx context.Context, o protocol.Offer) error {
	for _, file := range o.Files {
		if _, err := p.box.Fetch(ctx, file); err != nil {
			return err
		}
	}
	for _, step := range []protocol.MessageType{protocol.TypeDelivered, protocol.TypeHeard} {
		if err := p.say(step, string(step), protocol.Progress{Hop: o.Hop, Epoch: o.Epoch, At: time.Now().UTC()}); err != nil {
			return err
		}
		select {
		case ack := <-p.acks:
			if ack.ID != string(step) || ack.Code != "" {
				return fmt.Errorf("%s was answered with %+v", step, ack)
			}
		case <-time.After(time.Minute):
			return errors.New("no acknowledgement came")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	path := filepath.Join(p.g.dir, p.box.Name+".wav")
	if err := os.WriteFile(path, p.g.another(), 0o600); err != nil {
		return err
	}
	file, err := p.box.Upload(ctx, world.Upload{Path: path, Role: protocol.RoleAudio})
	if err != nil {
		return err
	}
	_, err = p.box.Reply(ctx, o.Hop, world.NewReply(o, file))
	return err
}

// another is a recording that no other one equals.
func (g *game) another() []byte {
	data := make([]byte, len(g.sound))
	copy(data, g.sound)
	for i := range 16 {
		data[100+2*i] = byte(rand.Uint32())
	}
	return data
}
