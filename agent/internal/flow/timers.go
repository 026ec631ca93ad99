package flow

import (
	"errors"
	"fmt"
	"time"

	"illumi/protocol"
)

// Timers are the waits of people.md 2.1 that a project or a box may set.
type Timers struct {
	Lock      time.Duration // T_LOCK: after an accepted press, ignore more
	Invite    time.Duration // T_INVITE
	RecMax    time.Duration // T_REC_MAX
	Silence   time.Duration // T_SILENCE, 0 = off
	PhotoWait time.Duration // T_PHOTO_WAIT
	Grace     time.Duration // T_GRACE
	Recall    time.Duration // T_RECALL; an offer may shorten it
	Confirm   time.Duration // T_CONFIRM
	DraftKeep time.Duration // T_DRAFT_KEEP: never above 24 h, a promise of people.md 2.5
	SendTry   time.Duration // T_SEND_TRY
	Stuck     time.Duration // T_STUCK
}

// DefaultTimers are the defaults of people.md 2.1.
func DefaultTimers() Timers {
	return Timers{
		Lock:      500 * time.Millisecond,
		Invite:    time.Minute,
		RecMax:    3 * time.Minute,
		Silence:   45 * time.Second,
		PhotoWait: 20 * time.Second,
		Grace:     30 * time.Second,
		Recall:    10 * time.Minute,
		Confirm:   5 * time.Minute,
		DraftKeep: 24 * time.Hour,
		SendTry:   20 * time.Second,
		Stuck:     30 * time.Second,
	}
}

// Waits of people.md 2.1 and 2.2 that nobody needs to change.
const (
	bootWait     = time.Minute             // BOOT gives up waiting for the disk's facts
	guard        = time.Second             // T_GUARD: after entry a press is the echo of the one before
	guardSpoken  = 500 * time.Millisecond  // T_GUARD of a question that destroys or publishes: after its prompt
	upFor        = 50 * time.Millisecond   // P5: a button counts as let go after this
	playGuard    = 3 * time.Second         // T_PLAY_GUARD
	recMin       = 1500 * time.Millisecond // T_REC_MIN
	recWarn      = 20 * time.Second        // T_REC_WARN before the end
	holdFor      = time.Second             // P4: down this long while recording means hold to talk
	checkWait    = 3 * time.Second         // CHECK
	emptyWait    = time.Minute             // EMPTY
	inviteAgain  = 20 * time.Second        // INVITE is said again
	graceAgain   = 15 * time.Second        // review_grace is said again
	confirmAgain = 30 * time.Second        // review_confirm is said again
	sendingSay   = 3 * time.Second         // "sending"
	sendingLong  = 7 * time.Second         // then, at 10 s, "sending_long"
	recallAgain  = 15 * time.Second        // SENT: the second press must come within
	recallWait   = 20 * time.Second        // RECALL
	testHold     = 10 * time.Second        // people.md 5, I6: held this long in IDLE, the self-test is offered
)

// Waits that the tables leave open.
const (
	// openWait bounds the opening of a microphone, photoWait a whole
	// PHOTO_COUNT: no device stays open because an answer got lost.
	openWait  = 10 * time.Second
	photoWait = 30 * time.Second
	// alertWait is how long "the team has been told" may wait for the proof of it.
	alertWait = 3 * time.Second
	// linger keeps SENT for at least one fair chance to take back (P8: no
	// question under 20 s) although the next whisper is waiting.
	linger = 20 * time.Second
	// testMax is more than any self-test can take.
	testMax = 20 * time.Minute
	// keepAgain puts off the erasing of a take that is being listened to.
	keepAgain = time.Minute
	// Longest time that something may sound; then it is stopped as if it had ended.
	promptMax  = 20 * time.Second
	toneMax    = 3 * time.Second
	whisperMax = (protocol.MaxAudioSeconds + 30) * time.Second
)

// Validate reports every wait that is outside its range in people.md 2.1.
func (t Timers) Validate() error {
	var errs []error
	check := func(name string, got, low, high time.Duration) {
		if got < low || got > high {
			errs = append(errs, fmt.Errorf("flow: timer %s is %v, allowed are %v to %v", name, got, low, high))
		}
	}
	check("lock", t.Lock, 300*time.Millisecond, time.Second)
	check("invite", t.Invite, 20*time.Second, 10*time.Minute)
	check("rec_max", t.RecMax, 30*time.Second, 10*time.Minute)
	if t.Silence != 0 {
		check("silence", t.Silence, 20*time.Second, 2*time.Minute)
	}
	check("photo_wait", t.PhotoWait, 20*time.Second, 2*time.Minute)
	check("grace", t.Grace, 20*time.Second, 5*time.Minute)
	check("recall", t.Recall, 0, time.Hour)
	check("confirm", t.Confirm, time.Minute, time.Hour)
	check("draft_keep", t.DraftKeep, time.Hour, 24*time.Hour)
	check("send_try", t.SendTry, 15*time.Second, 5*time.Minute)
	check("stuck", t.Stuck, 10*time.Second, 5*time.Minute)
	return errors.Join(errs...)
}

// Config is what the server, the box and its owner decide about the interaction.
type Config struct {
	Buttons      int    // of this box
	SendMode     string // protocol.SendGrace or SendConfirm; a turn's own mode wins
	PhotoAllowed bool   // by this citizen; a turn must allow it as well
	Announce     bool   // a new whisper is announced aloud
	Timers       Timers
}

// DefaultConfig is a one-button box as it leaves the workshop.
func DefaultConfig() Config {
	return Config{Buttons: 1, SendMode: protocol.SendGrace, PhotoAllowed: true, Timers: DefaultTimers()}
}

// Validate reports what a box cannot work with.
func (c Config) Validate() error {
	var errs []error
	if tables[c.Buttons] == nil {
		errs = append(errs, fmt.Errorf("flow: no interaction for %d buttons", c.Buttons))
	}
	if c.SendMode != protocol.SendGrace && c.SendMode != protocol.SendConfirm {
		errs = append(errs, fmt.Errorf("flow: unknown send mode %q", c.SendMode))
	}
	return errors.Join(append(errs, c.Timers.Validate())...)
}
