// Package daemon is the box while it runs: it owns the interaction's state, and
// one goroutine turns what happens into events and the effects of each event
// into calls. What must survive a power cut is on the disk before anything that
// builds on it is begun; what takes long runs elsewhere and answers later.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"illumi/agent/internal/beat"
	"illumi/agent/internal/flow"
	"illumi/agent/internal/link"
	"illumi/agent/internal/media"
	"illumi/agent/internal/panel"
	"illumi/agent/internal/retry"
	"illumi/agent/internal/spool"
	"illumi/agent/internal/transfer"
	"illumi/protocol"
)

// Microphone records into a file until it is stopped.
type Microphone interface {
	Open(ctx context.Context, to *os.File, listen media.Listener) (*media.Recording, error)
}

// Camera opens under the red light, takes one picture once shoot is closed, and
// closes. It returns promptly when ctx ends.
type Camera interface {
	Photograph(ctx context.Context, to *os.File, shoot <-chan struct{}) (media.Photo, error)
}

// Display is a screen or a printer.
type Display interface {
	Show(path, words string) error
	Blank() error
}

// Link is the connection to the server, a link.Link but for tests.
type Link interface {
	Run(ctx context.Context) error
	Hints() <-chan link.Hint
	Progress(m protocol.Message) error
	Status(s protocol.Status) error
}

// Options of a Daemon. Spool, Client, Link, Panel and Microphone are needed; any
// other part that is nil is one that the box does not have. Microphone and
// camera drive the panel's red light themselves, by media.Live.
type Options struct {
	Spool  *spool.Spool // of this process alone; the caller closes it after Run
	Client *transfer.Client
	Link   Link
	Panel  panel.Panel // the caller closes it after Run

	Microphone Microphone
	Speaker    media.Speaker
	Pack       media.Pack
	// Packs, if set, gives the pack of a language instead of Pack.
	Packs   func(language string) media.Pack
	Camera  Camera
	Display Display
	Pace    media.Pace // how fast people and simulated parts are

	Buttons  int    // 0 is 1
	ServerID string // from the enrolment, until the server says another
	BootID   string
	// Settings until the server's own come for the first time; the zero value is
	// a box as it leaves the workshop.
	Settings protocol.Settings
	Zone     *time.Location // where the settings name none; nil is time.Local
	// Quiet, if set, are the quiet hours whatever the settings say: for trying
	// out at night.
	Quiet *Hours
	// ClockKnown reports that the machine's clock is set; nil always is.
	ClockKnown func() bool
	// Now is the wall clock, for quiet hours and what is written down.
	Now func() time.Time
	// StatusFile is rewritten as things change, for whoever asks how the box
	// is; "" for none. It is not synced: nothing depends on it.
	StatusFile string
	// Watch, if set, tells of parts that are pulled out and put back, until ctx
	// ends.
	Watch func(ctx context.Context, changed func(p Part, there bool)) error
	// Health, if set, measures the machine.
	Health func() protocol.Health
	// Gone, if set, names a part to show pictures on that the box should have and
	// that does not work now; "" while all is well.
	Gone func() string
	// Checks, if set, look the box through; see Checks.
	Checks *Checks
	// AtRest, if set, is called when the box comes to rest: it has no more to do
	// until somebody comes. It must not wait for anything.
	AtRest func()
	// FLAC lets recordings be compressed without loss before they are sent.
	FLAC bool
	// Clips is where replaced sentences lie that the server has; "" for none.
	Clips string
	// Control is the path of the socket on which this machine's own commands ask
	// for checks; "" for none.
	Control string
	// Grace is how long a lost connection is nobody's business; 0 is 10 s.
	Grace  time.Duration
	Logger *slog.Logger

	stepped func(flow.Event, flow.State) // in the loop, after each step; for tests
	answers func() error                 // instead of the disk's, for tests

	late func() <-chan time.Time // after closeWait, or when a test says so
}

// Hours are quiet hours, "21:00" to "08:00"; the zero value is none.
type Hours struct{ From, Until string }

// Daemon is one running box.
type Daemon struct {
	o       Options
	log     *slog.Logger
	spool   *spool.Spool
	puller  *transfer.Puller
	pusher  *transfer.Pusher
	player  *player
	dog     *watchdog
	started time.Time

	ctx   context.Context // of everything that runs beside the loop
	wait  sync.WaitGroup
	calls chan func() // into the loop
	voice voice
	// Of the hop being photographed, for Position.
	position atomic.Int64
	backHop  atomic.Value // hop of back, "" for none; read by the puller

	// The rest belongs to the loop.
	state    flow.State
	last     time.Duration // of the last event; time never goes back
	queue    []flow.Event
	stepping bool
	timers   map[flow.TimerName]timer
	kept     flow.State // what the journal holds, see essence
	unkept   bool       // the journal could not be written
	noRoom   bool       // the disk took nothing, and nothing since
	readOnly bool       // for that reason
	fatal    error      // what only a new start can mend
	told     map[string]int
	capture  *capture
	shot     *shot
	measured map[takeID]measured
	closing  map[takeID][]flow.Effect // late, and what waits for each
	seen     map[takeID]time.Time     // when this run first knew of a take
	back     *takeBack
	// The replies that waited at the last stop, by the journal.
	sealedOnce []flow.Unsent
	aside      map[string]spool.Item // in the outbox, and no citizen waits for it
	settings   protocol.Settings
	wanted     protocol.Settings // by the server; settings, but for what was changed at the box
	loud       loudness          // set at the box
	zone       *time.Location
	view       panel.View
	report     Report // as last written
	mute       bool   // that it could not be is in the log
	lent       *lending
	pressedAt  time.Time        // of the last press, wall clock
	micLevel   *float64         // dBFS, the loudest of the last take
	reported   map[string]int64 // reports whose ack the interaction waits for
	unwell     []protocol.ReportCode
	badSince   map[protocol.ReportCode]time.Time // monotonic; see passing
	restarts   int64                             // after power cuts
	wiping     int64                             // the seq of an end that is to be told once the outbox is empty
	endBy      string                            // the request that ended the study
	asking     asking
	practice   practice
	checked    chan struct{}
	clipSet    string // the list of clips that is in place
	clipping   bool
	endTest    context.CancelFunc // of the self-test under way
	loudness   float64
	agreed     bool      // the server's clock and ours are one
	floor      time.Time // a time before the start that has certainly been; see wall
	server     contact
	refusal    Refusal       // since the last welcome
	logged     protocol.Code // of the refusal that the log has
	id         atomic.Value  // the server's id as a string, read by the puller
	downAt     time.Time     // the link is down and the machine not yet told
	statusAt   time.Time     // when the next status is due; zero: with the next minute
	saidAt     time.Time     // of the last status
	quietAt    time.Time     // next change of quiet hours, wall clock
	hourAt     time.Time     // next tidying
}

type timer struct {
	seq int64
	due time.Time
}

// New puts a daemon together; nothing is begun.
func New(o Options) (*Daemon, error) {
	switch {
	case o.Spool == nil, o.Client == nil, o.Link == nil, o.Panel == nil:
		return nil, errors.New("daemon: spool, client, link and panel are needed")
	case o.Microphone == nil:
		return nil, errors.New("daemon: a box needs a microphone")
	}
	if o.Buttons == 0 {
		o.Buttons = 1
	}
	if o.Zone == nil {
		o.Zone = time.Local
	}
	if o.ClockKnown == nil {
		o.ClockKnown = func() bool { return true }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Grace == 0 {
		o.Grace = 10 * time.Second
	}
	if o.late == nil {
		o.late = func() <-chan time.Time { return time.After(closeWait) }
	}
	if o.answers == nil {
		o.answers = o.Spool.Answers
	}
	if o.Display == nil {
		o.Display = media.NoDisplay{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Settings.Check() != nil {
		o.Settings = Workshop()
	}
	d := &Daemon{
		o: o, log: o.Logger, spool: o.Spool, started: time.Now(), calls: make(chan func(), 64), voice: newVoice(),
		timers: map[flow.TimerName]timer{}, told: map[string]int{}, measured: map[takeID]measured{}, closing: map[takeID][]flow.Effect{}, reported: map[string]int64{}, asking: asking{seen: map[string]bool{}}, badSince: map[protocol.ReportCode]time.Time{}, checked: make(chan struct{}, 1), seen: map[takeID]time.Time{}, settings: o.Settings, zone: o.Zone,
	}
	d.dog = newWatchdog(d.log)
	d.player = newPlayer(d.sounds, d.begun, d.ended)
	if o.Clips != "" {
		set, err := transfer.ClipSet(o.Clips)
		if err != nil {
			return nil, fmt.Errorf("daemon: look for clips: %w", err)
		}
		d.clipSet = set
	}
	d.puller = transfer.NewPuller(transfer.PullerOptions{
		Client: o.Client, Spool: o.Spool, ServerID: d.serverID, Arrived: d.onArrived, Closed: d.onClosed, Answered: d.have, Failed: d.onPullFailed,
	})
	d.pusher = transfer.NewPusher(transfer.PusherOptions{
		Client: o.Client, Spool: o.Spool, Acked: d.onAcked, Failed: d.onPushFailed, Damaged: d.onDamaged,
	})
	return d, nil
}

// Workshop are the settings of a box that has not yet heard from its server.
func Workshop() protocol.Settings {
	return protocol.Settings{SendMode: protocol.SendGrace, PhotoAllowed: true, Announce: true,
		QuietFrom: "21:00", QuietUntil: "08:00", Volume: 2, Language: "en"}
}

// minute is the pace of an idle box: quiet hours, disk and clock are looked at.
const minute = time.Minute

// stopWait bounds everything between the order to stop and the end.
const stopWait = 5 * time.Second

// Run is the box until ctx ends; then microphone and camera are closed, the
// lights put out and nil returned, within five seconds. A take under way stays
// on the disk. An error says why the box could not be started, or not be
// stopped in time, or that its state directory was taken away under its hands.
func (d *Daemon) Run(ctx context.Context) error {
	var cancel context.CancelFunc
	d.ctx, cancel = context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	if err := d.boot(); err != nil {
		return fmt.Errorf("daemon: start: %w", err)
	}
	d.wait.Go(func() { d.player.run(d.ctx) })
	d.supervise("link", d.o.Link.Run)
	d.supervise("pull", d.puller.Run)
	d.supervise("push", d.pusher.Run)
	if d.o.Watch != nil {
		d.supervise("watch", d.watch)
	}
	if d.o.Control != "" {
		d.supervise("control", d.control)
	}
	d.wait.Go(func() { d.handInChecks(d.ctx) })
	d.dog.ready()
	d.loop(ctx)
	d.dog.stopping()
	return d.stop(cancel)
}

// supervise keeps a loop going that ends by itself only on an error that time
// may heal, such as a disk that cannot be read.
func (d *Daemon) supervise(name string, run func(context.Context) error) {
	d.wait.Go(func() {
		pause := retry.Backoff{Min: time.Second, Max: time.Minute}
		for {
			began := time.Now()
			err := run(d.ctx)
			if d.ctx.Err() != nil {
				return
			}
			if time.Since(began) > pause.Max {
				pause.Reset()
			}
			d.log.Error("a part ended and is begun again", "part", name, "error", err)
			if pause.Wait(d.ctx) != nil {
				return
			}
		}
	})
}

// loop is the one place where anything happens to the state.
func (d *Daemon) loop(ctx context.Context) {
	tick := time.NewTimer(beat.Next(minute))
	defer tick.Stop()
	alarm := time.NewTimer(0)
	defer alarm.Stop()
	inputs := d.o.Panel.Inputs()
	for d.fatal == nil {
		alarm.Reset(d.untilDue())
		select {
		case <-ctx.Done():
			return
		case in, ok := <-inputs:
			if !ok {
				inputs = nil // a panel that is gone; the box goes on receiving
				continue
			}
			d.input(in)
		case h := <-d.o.Link.Hints():
			d.hint(h)
		case call := <-d.calls:
			call()
		case <-d.voice.heard:
			d.voiced()
		case <-alarm.C:
			d.due(time.Now())
		case <-tick.C:
			tick.Reset(beat.Next(minute))
			d.minutely()
		}
	}
}

// post runs something in the loop, from anywhere but the loop. It gives up
// when ctx ends.
func (d *Daemon) post(ctx context.Context, call func()) {
	select {
	case d.calls <- call:
	case <-ctx.Done():
	}
}

// stop ends what runs, devices first.
func (d *Daemon) stop(cancel context.CancelFunc) error {
	late := time.After(stopWait)
	d.player.stop()
	errs := []error{d.fatal, d.closeMic(), d.closeCamera(), d.o.Display.Blank()}
	if d.save() && d.cleanEnd() != nil {
		d.unkept = true
	}
	d.o.Panel.Show(flow.Lamps{Main: flow.LightOff}, 0)
	cancel()
	ended := make(chan struct{})
	go func() {
		d.wait.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-late:
		errs = append(errs, fmt.Errorf("not everything ended within %v", stopWait))
	}
	if d.unkept {
		errs = append(errs, errors.New("the journal could not be written"))
	}
	d.writeStatus(false)
	errs = append(errs, d.dog.end())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("daemon: stop: %w", err)
	}
	return nil
}

// rested tells that the box came to rest.
func (d *Daemon) rested() {
	if d.o.AtRest != nil {
		d.o.AtRest()
	}
}
