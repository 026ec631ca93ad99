package flow

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestA4_Prompts: at most twelve words, and none without a text.
func TestA4_Prompts(t *testing.T) {
	for key, text := range Prompts {
		if n := len(strings.Fields(text)); n == 0 || n > 12 {
			t.Errorf("%s has %d words (A4: at most 12): %q", key, n, text)
		}
		part := strings.HasPrefix(string(key), "digit_") || key == SayTestBox || key == SayTestCode || key == SayTestFailedMore
		if !part && !strings.HasSuffix(text, ".") && !strings.HasSuffix(text, "?") {
			t.Errorf("%s is not a sentence: %q", key, text)
		}
	}
	if len(talkPrompts) != 46+1 { // and full_ring
		t.Errorf("%d prompts, people.md 2.1 has 46", len(talkPrompts)-1)
	}
	keys := keysIn(t, "prompts.go") + keysIn(t, "prompts_selftest.go")
	if keys != len(Prompts) || len(talkPrompts)+len(testPrompts) != len(Prompts) {
		t.Errorf("%d keys and %d texts", keys, len(Prompts))
	}
}

// keysIn counts the keys in a file; each that exists as a constant has a text.
func keysIn(t *testing.T, name string) (keys int) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		lit, ok := spec.Values[0].(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			return true
		}
		key, err := strconv.Unquote(lit.Value)
		if err != nil {
			t.Fatal(err)
		}
		keys++
		if Prompts[Prompt(key)] == "" {
			t.Errorf("prompt %q has no text", key)
		}
		return true
	})
	return keys
}

func TestDigits(t *testing.T) {
	if got := Digits("4 8-2x1"); !slices.Equal(got, []Prompt{SayDigit4, SayDigit8, SayDigit2, SayDigit1}) {
		t.Errorf("%v", got)
	}
	for d := range 10 {
		for _, p := range Digits(strconv.Itoa(d)) {
			if Prompts[p] == "" {
				t.Errorf("no text for %q", p)
			}
		}
	}
}

func TestTimersValidate(t *testing.T) {
	if err := DefaultTimers().Validate(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Timers){
		"lock":       func(x *Timers) { x.Lock = 299 * time.Millisecond },
		"invite":     func(x *Timers) { x.Invite = 19 * time.Second },
		"rec_max":    func(x *Timers) { x.RecMax = 601 * time.Second },
		"silence":    func(x *Timers) { x.Silence = time.Second },
		"photo_wait": func(x *Timers) { x.PhotoWait = 121 * time.Second },
		"grace":      func(x *Timers) { x.Grace = 19 * time.Second },
		"recall":     func(x *Timers) { x.Recall = 61 * time.Minute },
		"confirm":    func(x *Timers) { x.Confirm = 0 },
		"draft_keep": func(x *Timers) { x.DraftKeep = 25 * time.Hour },
		"send_try":   func(x *Timers) { x.SendTry = time.Second },
		"stuck":      func(x *Timers) { x.Stuck = 0 },
	} {
		bad := DefaultTimers()
		change(&bad)
		if err := bad.Validate(); err == nil || !strings.Contains(err.Error(), "timer "+name+" ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	off := DefaultTimers()
	off.Silence, off.Recall = 0, 0
	if err := off.Validate(); err != nil {
		t.Error(err)
	}
}

func TestStartRefuses(t *testing.T) {
	for _, change := range []func(*Config){
		func(c *Config) { c.Buttons = 0 },
		func(c *Config) { c.Buttons = 4 },
		func(c *Config) { c.SendMode = "" },
		func(c *Config) { c.Timers = Timers{} },
	} {
		c := DefaultConfig()
		change(&c)
		if _, _, err := Start(c); err == nil {
			t.Errorf("a box starts with %+v", c)
		}
	}
}

// TestLockOut is people.md P5: edges at times in ms, and which presses count.
// Each press that counts in IDLE says one sentence.
func TestLockOut(t *testing.T) {
	for _, c := range []struct {
		name  string
		edges []int // down, up, down, up …
		count int
	}{
		{"one press", []int{2000, 2100}, 1},
		{"a second contact after 81 ms", []int{2000, 2040, 2081, 2120}, 1},
		{"pressed twice in 0.2 s", []int{2000, 2080, 2200, 2280}, 1},
		{"again after 0.5 s", []int{2000, 2100, 2500, 2600}, 2},
		{"just before 0.5 s", []int{2000, 2100, 2499, 2600}, 1},
		{"released after a long hold, and bouncing", []int{2000, 7000, 7030, 7060}, 1},
		{"up for 50 ms after a long hold", []int{2000, 7000, 7050, 7100}, 2},
		{"a press that did not count locks nothing", []int{2000, 2100, 2450, 2460, 2520, 2600}, 2},
		{"held through the lock", []int{2000, 2100, 2400, 2900, 3000, 3100}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHand(t)
			h.do("boot")
			count := 0
			for i, at := range c.edges {
				h.now = ms(at)
				kind := KindPress
				if i%2 == 1 {
					kind = KindRelease
				}
				h.event(Event{Kind: kind, Button: Main})
				if strings.Contains(doing(h.last), "say") {
					count++
				}
			}
			if count != c.count {
				t.Errorf("%d presses count, want %d", count, c.count)
			}
		})
	}
}

// TestNothing: what means nothing changes nothing, in every phase.
func TestNothing(t *testing.T) {
	for _, way := range []string{toIdle, toNewHop, toPlay, toInvited, toWaiting, toReady, toTone, toRecord, toChecked, toEmptied,
		toAsked, toCount, toReviewing, toDrafted, toSendNow, toSentNow, toQueue, toRecalling, toMicFault, "boot; pause", "boot; end", toTesting} {
		h := newHand(t)
		h.do(way)
		for _, e := range []Event{
			{}, {Kind: "no such event"}, {Kind: KindPress}, {Kind: KindPress, Button: 9}, {Kind: KindPress, Button: -1}, {Kind: KindPress, Button: Second},
			{Kind: KindRelease, Button: Third}, {Kind: KindEnded, Seq: 1}, {Kind: KindTimer, Timer: TimerPhase, Seq: 1}, {Kind: KindTimer},
			{Kind: KindMSG}, {Kind: KindMSG, Turn: &Turn{}}, {Kind: KindACK, Reply: "unknown", Hop: "unknown"}, {Kind: KindSealed, Seq: -1},
			{Kind: KindMicOpened, Seq: -1}, {Kind: KindSpeech, Seq: -1}, {Kind: KindPhotoOK, Seq: -1}, {Kind: KindTakenBack, Seq: -1},
			{Kind: KindRecalled, Hop: "unknown"}, {Kind: KindRecalled, Hop: "h1", Epoch: -1}, {Kind: KindBoot}, {Kind: KindSettings}, {Kind: KindSettings, Config: &Config{}},
			{Kind: KindMediaBad, Hop: "unknown"}, {Kind: KindReported, Seq: -1}, {Kind: KindWiped, Seq: -1}, {Kind: KindUnsent, Seq: -1}, {Kind: KindNotUnsent, Seq: -1}, {Kind: KindSelfTested, Seq: -1}, {Kind: KindBoot, Boot: &Facts{}},
		} {
			e.At = h.now
			before := asJSON(t, h.s)
			s, fx := Step(h.s, e)
			if after := asJSON(t, s); after != before || len(fx) != 0 {
				t.Errorf("%+v in %s does %q:\n%s\n%s", e, h.s.Phase, doing(fx), before, after)
			}
		}
	}
}

// TestOfferedAnew: the same hop may be told of again, or be offered with a
// higher epoch; nobody answers it twice.
func TestOfferedAnew(t *testing.T) {
	for _, c := range []struct {
		name, way, do string
		phase         Phase
		epoch, queue  int
	}{
		{"told again", toNewHop, "msg h1", New, 1, 0},
		{"told again while waiting", toPlay + "; msg h2", "msg h2", Playing, 1, 1},
		{"higher epoch in hand", toWaiting, "msg h1 epoch=2", Heard, 2, 0},
		{"higher epoch in the queue", toPlay + "; msg h2; msg h2 epoch=3", "msg h2 epoch=2", Playing, 1, 1},
		{"told again after the answer", toQueue, "msg h1", Queued, 0, 0},
		{"asked again after the answer", toQueue, "msg h1 epoch=2", New, 2, 0},
		{"told again in SENT", toSentNow + "; ended; timer again", "msg h1", Sent, 1, 0},
		{"asked again in SENT", toSentNow + "; ended; timer again", "msg h1 epoch=2", New, 2, 0},
		{"asked again while sending", toSendNow, "msg h1 epoch=2", Sending, 1, 1},
		{"asked again, then taken back", toRecalling + "; msg h1 epoch=2", "taken-back", Heard, 2, 0},
		{"asked again, then not sealed", toSendNow + "; msg h1 epoch=2", "seal-failed", Draft, 2, 0},
		{"an old epoch is recalled", toNewHop + "; msg h1 epoch=2", "remind h1", New, 2, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHand(t)
			h.do(c.way, c.do)
			if h.s.Phase != c.phase || h.s.Turn.Epoch != c.epoch || len(h.s.Queue) != c.queue {
				t.Errorf("%s with epoch %d and %d waiting, want %s, %d, %d", h.s.Phase, h.s.Turn.Epoch, len(h.s.Queue), c.phase, c.epoch, c.queue)
			}
			for _, f := range h.last {
				if f.Do == Forget && f.Hop == h.s.Turn.Hop {
					t.Error("the media of the turn in hand is erased")
				}
			}
		})
	}
	h := newHand(t)
	h.do(toNewHop, "msg h1 epoch=3")
	h.event(Event{Kind: KindRecalled, Hop: "h1", Epoch: 2})
	if h.s.Phase != New {
		t.Errorf("an older offer is recalled and the newer one goes: %s", h.s.Phase)
	}
	h.event(Event{Kind: KindRecalled, Hop: "h1", Epoch: 3})
	if h.s.Phase != Idle {
		t.Errorf("recalled, and still in %s", h.s.Phase)
	}
}

// TestBootAnswered: what lies in the outbox is answered, whatever else is on disk.
func TestBootAnswered(t *testing.T) {
	s, _, err := Start(DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	s, _ = Step(s, Event{Kind: KindBoot, Boot: &Facts{
		Turns: []Turn{{Hop: "h1", Epoch: 1}, {Hop: "h2", Epoch: 1}}, Unsent: []Unsent{{Reply: "r", Hop: "h1", Epoch: 1}}}})
	if s.Turn.Hop != "h2" || len(s.Queue) != 0 || len(s.Unsent) != 1 {
		t.Errorf("%s with %q in hand and %v waiting", s.Phase, s.Turn.Hop, s.Queue)
	}
}

// TestAnotherWaits: one whisper at a time, in the order they came.
func TestAnotherWaits(t *testing.T) {
	h := newHand(t)
	h.do(toRecord, "msg h2", "msg h3", "recalled h2", "msg h4")
	if len(h.s.Queue) != 2 || h.s.Queue[0].Hop != "h3" || h.s.Queue[1].Hop != "h4" {
		t.Fatalf("waiting: %+v", h.s.Queue)
	}
	h.do("wait 9s; press", "speech; ended; timer phase; ended; timer phase; sealed; ack; ended; timer again")
	if h.s.Phase != New || h.s.Turn.Hop != "h3" {
		t.Fatalf("%s with %s", h.s.Phase, h.s.Turn.Hop)
	}
}

// TestGraceRange: every question stays for at least 20 s after it was heard (P8).
func TestGraceRange(t *testing.T) {
	for _, way := range []string{toInvited, toEmptied, toAsked, toReviewing, toConfirm} {
		h := newHand(t)
		h.do(way)
		if left := h.due[TimerPhase] - h.now; left < 20*time.Second {
			t.Errorf("%s ends %v after its prompt", h.s.Phase, left)
		}
	}
}
