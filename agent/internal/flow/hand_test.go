package flow

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// hand moves a box by hand: every line is an event, completions get the Seq
// that is awaited, timers are due when their time has come.
type hand struct {
	t    *testing.T
	s    State
	now  time.Duration
	due  map[TimerName]time.Duration
	last []Effect // of the last event
	all  []Effect
	conf Config
}

func newHand(t *testing.T) *hand {
	t.Helper()
	h := &hand{t: t, due: map[TimerName]time.Duration{}, conf: DefaultConfig()}
	s, fx, err := Start(h.conf)
	if err != nil {
		t.Fatal(err)
	}
	h.s = s
	h.take(fx)
	return h
}

func (h *hand) take(fx []Effect) {
	h.last = fx
	h.all = append(h.all, fx...)
	for _, f := range fx {
		switch f.Do {
		case SetTimer:
			h.due[f.Timer] = h.now + f.After
		case StopTimer:
			delete(h.due, f.Timer)
		}
	}
}

func (h *hand) event(e Event) {
	h.t.Helper()
	e.At = h.now
	prev := h.s
	before := asJSON(h.t, prev)
	s, fx := Step(prev, e)
	if err := check(prev, s, e, fx); err != nil {
		h.t.Fatalf("%s in %s: %v", e.Kind, prev.Phase, err)
	}
	if after := asJSON(h.t, prev); after != before {
		h.t.Fatalf("%s in %s changed the state it was given\nfrom %s\nto   %s", e.Kind, prev.Phase, before, after)
	}
	h.s = s
	h.take(fx)
}

// do runs the lines of a script. A line is an event and its arguments; time is
// "wait 20s". "press" presses and lets go after 0.1 s, or "press hold" does not;
// it comes when every guard is over, or "press now" at once.
func (h *hand) do(lines ...string) *hand {
	h.t.Helper()
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ";") {
			if f := strings.Fields(part); len(f) > 0 {
				h.line(f[0], f[1:])
			}
		}
	}
	return h
}

// event, as a line says it.
func (h *hand) line(word string, args []string) {
	h.t.Helper()
	e := Event{Kind: Kind(word), Button: Main}
	arg := func(name string) string {
		for _, a := range args {
			if v, ok := strings.CutPrefix(a, name+"="); ok {
				return v
			}
		}
		return ""
	}
	flag := func(name string) bool { return slices.Contains(args, name) }
	hop := func() string {
		if len(args) > 0 && !strings.Contains(args[0], "=") {
			return args[0]
		}
		return h.s.Turn.Hop
	}
	e.Code = Code(arg("code"))
	switch word {
	case "wait":
		h.wait(duration(h.t, args[0]))
		return
	case "config":
		h.config(args)
		return
	case "boot":
		e.Boot = &Facts{Online: !flag("offline"), Camera: !flag("nocamera"), Quiet: flag("quiet"), ClockUnknown: flag("noclock")}
	case "reboot":
		h.reboot(args, arg)
		return
	case "press":
		for b := Main; b <= Third; b++ {
			if flag(strconv.Itoa(int(b))) {
				e.Button = b
			}
		}
		if !flag("now") {
			h.wait(1100 * time.Millisecond)
		}
		h.event(e)
		if !flag("hold") {
			did := h.last
			h.wait(100 * time.Millisecond)
			h.event(Event{Kind: KindRelease, Button: e.Button})
			h.last = did
		}
		return
	case "msg":
		recall, _ := strconv.Atoi(arg("recall"))
		epoch, _ := strconv.Atoi(arg("epoch"))
		e.Turn = &Turn{Practice: flag("practice"), Hop: args[0], Epoch: max(epoch, 1), SendMode: arg("mode"), PhotoAllowed: flag("photo"),
			RecallSeconds: recall, Again: flag("again"), Picture: flag("picture")}
	case "ended":
		e.Seq = h.s.Voice
	case "mic-opened", "mic-failed", "speech", "no-speech", "photo-ok", "photo-dark", "photo-failed",
		"seal-failed", "taken-back", "not-back", "wiped", "not-unsent", "self-tested":
		e.Seq = h.s.Waiting
		if h.s.Judging != 0 {
			e.Seq = h.s.Judging
		}
		e.Reply = arg("reply")
	case "release":
		if flag("2") {
			e.Button = Second
		}
	case "unsent":
		e.Seq, e.Reply = h.s.Waiting, h.s.Unsent[len(h.s.Unsent)-1].Reply
		e.Turn, e.Take = &Turn{Hop: h.s.Unsent[len(h.s.Unsent)-1].Hop, Epoch: 1}, Take{N: 1, Photo: PhotoTaken, ToneEnd: time.Second}
	case "reported":
		e.Seq = h.s.Alert
		if flag("disk") {
			e.Seq = h.s.DiskAlert
		}
	case "sealed":
		e.Seq, e.Reply = h.s.Waiting, arg("reply")
		if e.Reply == "" {
			e.Reply = "r-" + h.s.Turn.Hop
		}
	case "ack":
		e.Reply, e.Late, e.Hop = arg("reply"), flag("late"), h.s.Turn.Hop
		if e.Reply == "" && len(h.s.Unsent) > 0 {
			e.Reply = h.s.Unsent[0].Reply
		}
	case "reply-damaged", "reply-refused":
		if len(h.s.Unsent) > 0 {
			u := h.s.Unsent[0]
			e.Reply = u.Reply
			if flag("whisper") {
				e.Turn = &Turn{Hop: u.Hop, Epoch: u.Epoch, RecallSeconds: 600}
			}
		}
	case "timer":
		e.Timer = TimerName(args[0])
		e.Seq = h.timerSeq(e.Timer)
		h.now = max(h.now, h.due[e.Timer])
		delete(h.due, e.Timer)
	default:
		e.Hop = hop()
	}
	h.event(e)
}

func (h *hand) timerSeq(name TimerName) int64 {
	h.t.Helper()
	for _, a := range h.s.Timers {
		if a.Name == name {
			return a.Seq
		}
	}
	h.t.Fatalf("no timer %q runs in %s: %v", name, h.s.Phase, h.s.Timers)
	return 0
}

// wait lets time pass; no timer may come due unseen but the watchdogs of what
// plays, which a script ends by hand.
func (h *hand) wait(d time.Duration) { h.now += d }

func (h *hand) config(args []string) {
	for _, a := range args {
		k, v, _ := strings.Cut(a, "=")
		switch k {
		case "announce":
			h.conf.Announce = true
		case "mode":
			h.conf.SendMode = v
		case "nophoto":
			h.conf.PhotoAllowed = false
		case "buttons":
			h.conf.Buttons, _ = strconv.Atoi(v)
		}
	}
	c := h.conf
	h.event(Event{Kind: KindSettings, Config: &c})
}

// reboot cuts the power: time starts again, the journal and the disk stay.
func (h *hand) reboot(args []string, arg func(string) string) {
	h.t.Helper()
	saved := h.s
	f := &Facts{Saved: &saved, Unclean: true, Online: !slices.Contains(args, "offline"), Camera: true,
		Quiet: slices.Contains(args, "quiet")}
	if slices.Contains(args, "nojournal") {
		f.Saved = nil
	}
	if saved.Turn.Hop != "" && saved.Reply == "" && arg("sealed") == "" {
		f.Turns = append(f.Turns, saved.Turn)
	}
	f.Turns = append(f.Turns, saved.Queue...)
	f.Unsent = append(f.Unsent, saved.Unsent...)
	if r := arg("sealed"); r != "" {
		f.Unsent = append(f.Unsent, Unsent{Reply: r, Hop: saved.Turn.Hop, Epoch: saved.Turn.Epoch})
	}
	for _, k := range []Take{saved.Old, saved.Take} {
		if k.N != 0 && arg("sealed") == "" {
			f.Takes = append(f.Takes, TakeFile{Hop: saved.Turn.Hop, N: k.N, Duration: 5 * time.Second, Photo: k.Photo == PhotoTaken})
		}
	}
	if saved.Rec != 0 {
		f.Takes = append(f.Takes, TakeFile{Hop: saved.Turn.Hop, N: saved.Rec, Partial: true, Duration: duration(h.t, arg("partial"))})
	}
	h.now, h.due = 0, map[TimerName]time.Duration{}
	s, fx, err := Start(h.conf)
	if err != nil {
		h.t.Fatal(err)
	}
	h.s = s
	h.take(fx)
	h.now = time.Second
	h.event(Event{Kind: KindBoot, Boot: f})
}

func duration(t *testing.T, s string) time.Duration {
	t.Helper()
	if s == "" {
		return 0
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Ways to each phase, through real events.
const (
	toIdle      = "boot"
	toNewHop    = "boot; msg h1 photo recall=600; ended"
	toPlay      = toNewHop + "; press"
	toInvited   = toPlay + "; wait 4s; ended; ended"
	toWaiting   = toInvited + "; timer phase"
	toReady     = toInvited + "; press"
	toTone      = toReady + "; ended; mic-opened"
	toRecord    = toTone + "; wait 500ms; ended"
	toChecked   = toRecord + "; wait 8s; press"
	toAsked     = toChecked + "; speech; ended"
	toCount     = toAsked + "; press"
	toReviewing = toAsked + "; timer phase; ended"
	toSendNow   = toReviewing + "; timer phase"
	toSentNow   = toSendNow + "; sealed; ack"
	toEmptied   = toChecked + "; no-speech; ended"
	toConfirm   = "boot; msg h1 mode=confirm recall=600; ended; press; wait 4s; ended; ended; press; ended; mic-opened; wait 500ms; ended; wait 8s; press; speech; ended"
	toDrafted   = toConfirm + "; timer phase"
	toQueue     = "boot offline; msg h1; ended; press; wait 4s; ended; ended; press; ended; mic-opened; wait 500ms; ended; wait 8s; press; speech; ended; timer phase; sealed; ended"
	toMicFault  = toReady + "; ended; mic-failed"
	toRecalling = toSentNow + "; ended; press; ended; press"
	toHeld      = "boot; wait 2s; press hold; ended; timer hold"
	toTesting   = toHeld + "; ended; release"
)

// doing lists what the last event made the box do, without its timers.
func doing(fx []Effect) string {
	var b []string
	for _, f := range fx {
		if w := wording(f); w != "" {
			b = append(b, w)
		}
	}
	return strings.Join(b, ", ")
}

// wording is an effect in words; timers but for the phase's own have none.
func wording(f Effect) string {
	switch f.Do {
	case Say:
		return "say " + string(f.Prompt)
	case Sound:
		return "sound " + string(f.Tone)
	case SetTimer, StopTimer:
		return ""
	case Progress:
		return "progress " + string(f.Stage)
	case Report:
		return "report " + string(f.Code)
	case Seal:
		w := fmt.Sprintf("seal %s take %d by %s, photo %s", f.Hop, f.Take, f.SentBy, f.Photo)
		if f.Late {
			w += ", late"
		}
		return w
	case Volume:
		if f.Quiet {
			return "volume quiet"
		}
		return "volume normal"
	case OpenMic, CheckSpeech, KeepTake, EraseTake, ErasePhoto, PlayTake, OpenCamera:
		return fmt.Sprintf("%s %d", f.Do, f.Take)
	case EraseTakes, Forget, Refetch, PlayWhisper, ShowPicture:
		return string(f.Do) + " " + f.Hop
	case TakeBack, Unsend, PlayReply:
		return string(f.Do) + " " + f.Reply
	}
	return string(f.Do)
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := jsonOf(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
