package daemon

import (
	"errors"
	"log/slog"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"

	"illumi/agent/internal/beat"
	"illumi/agent/internal/flow"
	"illumi/agent/internal/spool"
)

// watchdog tells systemd how the program is. Without systemd it does nothing.
type watchdog struct {
	log   *slog.Logger
	out   notifier
	every time.Duration
	next  time.Time // zero: never

	answered      time.Time // when the disk last did
	asked, failed bool      // the disk: whether it answers
	gone          bool      // the state directory was not there the last time
	said          string    // last
}

func newWatchdog(log *slog.Logger) *watchdog {
	w := &watchdog{log: log}
	limit, err := sd.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("systemd's watchdog is not understood", "error", err)
	}
	if limit > 0 {
		w.every = limit / 3 // of a minute, it is the beat of the link's pings
		w.next = time.Now()
	}
	return w
}

func (w *watchdog) tell(state string) {
	if err := w.out.tell(state); err != nil {
		w.log.Warn("systemd could not be told", "state", state, "error", err)
	}
}

func (w *watchdog) ready()    { w.tell(sd.SdNotifyReady) }
func (w *watchdog) stopping() { w.tell(sd.SdNotifyStopping) }

// end is after the last word.
func (w *watchdog) end() error { return w.out.close() }

// due says that it is time to prove that the program works.
func (w *watchdog) due(now time.Time) bool { return w.every > 0 && !now.Before(w.next) }

// prove feeds the watchdog by way of this loop and of the disk: where either
// hangs, systemd begins the program anew. The network has no part in it. At rest
// a disk that is well is asked at each third time, once a minute; a question
// without an answer starves the watchdog from then on.
func (d *Daemon) prove() {
	w := d.dog
	if w.every > 0 {
		w.next = time.Now().Add(beat.Next(w.every))
	}
	switch {
	case w.asked:
		return // the disk has not answered the last time yet
	case w.every > 0 && !w.failed && d.state.Phase == flow.Idle && time.Since(w.answered) < w.every*5/2:
		w.tell(sd.SdNotifyWatchdog)
		return
	}
	w.asked = true
	d.wait.Go(func() {
		err := d.o.answers()
		d.post(d.ctx, func() {
			w.asked, w.answered = false, time.Now()
			if err != nil && !w.failed && !isGone(err) {
				d.log.Error("the disk failed", "what", "answer", "error", err)
			}
			w.failed = err != nil // a restart would not mend it, but for:
			d.stateGone(err)
			w.tell(sd.SdNotifyWatchdog)
		})
	})
}

// stateGone ends the program once its state directory has been away for as long
// as two proofs: what it recorded would be saved nowhere. A new start has the
// directory made, or given back to this user. Until then it is a full box.
func (d *Daemon) stateGone(err error) {
	w := d.dog
	if !isGone(err) {
		w.gone = false
		return
	}
	if w.gone {
		d.fatal = err
		return
	}
	w.gone = true
	d.diskTrouble("answer", err)
}

func isGone(err error) bool { return errors.Is(err, spool.ErrGone) || errors.Is(err, spool.ErrNotOurs) }

// say lets `systemctl status` tell how the box is; only what changed is told.
func (w *watchdog) say(words string) {
	if w.said != words {
		w.said = words
		w.tell("STATUS=" + words)
	}
}
