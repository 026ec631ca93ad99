package flow

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"
)

// FuzzStep reads bytes as events in any order and at any moment, sensible or
// not, answers to nothing and timers of yesterday included. Step is total, and
// check holds after each; the state survives its journal.
func FuzzStep(f *testing.F) {
	f.Add([]byte{})
	f.Add(letters("b m e p 5 e e p e o 2 e 8 p s e p e f e p"))
	f.Add(letters("b m e p 5 e e p e o e 8 p s e t S a e p e p B"))
	f.Add(letters("b m e p 5 e e p e o e 8 p n e p e o e 8 p n r 9"))
	f.Add(letters("b m e p 5 e e p e o e 8 L R e p M t"))
	f.Add(letters("b m e p 5 e e p e o e 8 p s e t S G e p 5 e e p e o e 8 p s e t S J"))
	f.Add(letters("b m e p 5 e e p e o e 8 p s e t S N e p U e p S U V"))
	f.Add(append(letters("b m e p 5 e e p e o e 8 p s e t S N e p U e p S"), '?'))
	f.Add(letters("b p 9 t e r E T E"))
	f.Add(letters("b m q e p 5 e e p e o e 8 p s e t D S N u a P Z X w"))
	f.Fuzz(walk)
}

// TestAnyOrder walks where no fuzzer has been taught to go.
func TestAnyOrder(t *testing.T) {
	letters := slices.Sorted(maps.Keys(kinds))
	for seed := range 500 {
		rnd := rand.New(rand.NewPCG(uint64(seed), 3))
		data := []byte{'b', 1}
		for range 200 {
			what := letters[rnd.IntN(len(letters))]
			if rnd.IntN(3) > 0 { // what leads on comes more often
				what = "peeetossfSam"[rnd.IntN(12)]
			}
			data = append(data, what, byte(rnd.IntN(256)))
		}
		walk(t, append(data, make([]byte, seed%3)...)) // its length says how many buttons
	}
}

func walk(t *testing.T, data []byte) {
	c := DefaultConfig()
	c.Buttons = 1 + len(data)%3
	s, _, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Duration(0)
	for i := 0; i+1 < len(data) && i < 600; i += 2 {
		e := eventOf(s, data[i], data[i+1])
		now += pause(data[i+1])
		e.At = now
		before := s.clone()
		next, fx := Step(s, e)
		if err := check(s, next, e, fx); err != nil {
			t.Fatalf("step %d, %s in %s: %v", i/2, e.Kind, s.Phase, err)
		}
		if !reflect.DeepEqual(s, before) {
			t.Fatalf("step %d, %s in %s changed the state it was given", i/2, e.Kind, s.Phase)
		}
		again, fxAgain := Step(s, e)
		if !reflect.DeepEqual(again, next) || !reflect.DeepEqual(fxAgain, fx) {
			t.Fatalf("step %d, %s in %s: not the same twice", i/2, e.Kind, s.Phase)
		}
		if next.Phase != s.Phase {
			journaled(t, next)
		}
		s = next
	}
	journaled(t, s)
}

// journaled: JSON gives the same state back.
func journaled(t *testing.T, s State) {
	t.Helper()
	var back State
	if err := json.Unmarshal([]byte(asJSON(t, s)), &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back, s) {
		t.Fatalf("the journal of %s gives another state:\n%+v\n%+v", s.Phase, back, s)
	}
}

// FuzzJournal starts from any journal and any facts: what is restored keeps the
// promises, whatever was in the file.
func FuzzJournal(f *testing.F) {
	for _, way := range []string{toIdle, toNewHop, toRecord, toReviewing, toDrafted, toSendNow, toSentNow, toQueue, toRecalling, "boot; end"} {
		h := newHand(&testing.T{})
		h.do(way)
		b, err := jsonOf(Facts{Saved: &h.s, Turns: []Turn{{Hop: "h1", Epoch: 1}}, Takes: []TakeFile{{Hop: "h1", N: 1, Duration: time.Minute}}})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var facts Facts
		if json.Unmarshal(data, &facts) != nil {
			return
		}
		s, _, err := Start(DefaultConfig())
		if err != nil {
			t.Fatal(err)
		}
		e := Event{Kind: KindBoot, Boot: &facts, At: time.Second}
		next, fx := Step(s, e)
		if err := check(s, next, e, fx); err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(safe, next.Phase) {
			t.Fatalf("a start leads to %s", next.Phase)
		}
	})
}

var kinds = map[byte]Kind{
	'b': KindBoot, 'm': KindMSG, 'e': KindEnded, 'p': KindPress, 'r': KindRelease, 'o': KindMicOpened, 'O': KindMicFailed,
	'L': KindMicLost, 'M': KindMicBack, 'v': KindVoice, 's': KindSpeech, 'n': KindNoSpeech, 'f': KindPhotoOK, 'F': KindPhotoFailed,
	'k': KindPhotoDark, 'S': KindSealed, 'D': KindSealFailed, 'a': KindACK, 'A': KindTakenBack, 'B': KindNotBack, 'i': KindReported,
	'w': KindWiped, 't': KindTimer, 'N': KindNetDown, 'u': KindNetUp, 'x': KindSpeakerLost, 'y': KindSpeakerBack, 'c': KindCameraLost,
	'C': KindCameraBack, 'd': KindDiskLow, 'g': KindDiskOK, 'q': KindQuietOn, 'Q': KindQuietOff, 'h': KindClockUnknown,
	'H': KindClockKnown, 'R': KindRecalled, 'j': KindRemind, 'P': KindPause, 'Z': KindResume, 'X': KindEnd, 'l': KindSettings,
	'U': KindUnsent, 'V': KindNotUnsent, 'T': KindSelfTest, 'E': KindSelfTested,
	'z': KindMediaBad, 'G': KindReplyDamaged, 'J': KindReplyRefused, '?': "no such event",
}

var kindList = slices.Sorted(maps.Values(kinds))

// letters makes a seed: one letter an event, a digit seconds to wait.
func letters(text string) []byte {
	var b []byte
	for _, c := range []byte(text) {
		switch {
		case c == ' ':
		case c >= '0' && c <= '9':
			b = append(b, '?', c-'0'+200)
		default:
			b = append(b, c, 170) // 1.7 s later, an answer to what is awaited
		}
	}
	return b
}

// pause is up to 2.5 s in steps of 10 ms; above 200 whole seconds.
func pause(b byte) time.Duration {
	if b > 200 {
		return time.Duration(b-200) * time.Second
	}
	return time.Duration(b) * 10 * time.Millisecond
}

// eventOf is an event that fits the state, or, for some values of arg, one that
// does not.
func eventOf(s State, what, arg byte) Event {
	kind, ok := kinds[what]
	if !ok {
		kind = kindList[int(what)%len(kindList)]
	}
	e := Event{Kind: kind, Button: Button(1 + int(arg>>2)%s.Config.Buttons)}
	if arg%16 == 7 {
		e.Button = Button(int(arg>>4) - 3)
	}
	e.Hop = fmt.Sprintf("h%d", arg%3)
	if arg%5 == 0 {
		e.Hop = s.Turn.Hop
	}
	switch e.Kind {
	case KindSpeech, KindNoSpeech:
		e.Seq = max(s.Waiting, s.Judging)
	case KindEnded:
		e.Seq = s.Voice
		if arg%11 == 3 {
			e.Code = CodeMedia
		}
	case KindReported:
		e.Seq = s.Alert
		if arg%2 == 0 {
			e.Seq = s.DiskAlert
		}
	case KindTimer:
		if len(s.Timers) > 0 {
			a := s.Timers[int(arg)%len(s.Timers)]
			e.Timer, e.Seq = a.Name, a.Seq
		}
	default:
		e.Seq = s.Waiting
	}
	if arg%13 == 5 {
		e.Seq -= int64(arg % 4)
	}
	switch e.Kind {
	case KindSealed, KindTakenBack:
		e.Reply = fmt.Sprintf("r%d", s.Turn.Takes)
	case KindACK:
		e.Reply, e.Late = fmt.Sprintf("r%d", s.Turn.Takes), arg%7 == 1
		if len(s.Unsent) > 0 && arg%2 == 0 {
			e.Reply = s.Unsent[int(arg)%len(s.Unsent)].Reply
		}
	case KindUnsent:
		if len(s.Unsent) > 0 {
			u := s.Unsent[len(s.Unsent)-1]
			e.Reply, e.Take = u.Reply, Take{N: int(arg % 5)}
			if arg%3 != 0 {
				e.Turn = &Turn{Hop: u.Hop, Epoch: u.Epoch + int(arg%2)}
			}
		}
	case KindReplyDamaged, KindReplyRefused:
		e.Reply = fmt.Sprintf("r%d", arg%3)
		if len(s.Unsent) > 0 && arg%4 != 0 {
			u := s.Unsent[int(arg)%len(s.Unsent)]
			e.Reply = u.Reply
			if arg%3 != 0 {
				e.Turn = &Turn{Hop: u.Hop, Epoch: u.Epoch, Again: arg%2 == 0}
			}
		}
	case KindMSG:
		if arg%17 != 2 {
			e.Turn = &Turn{Practice: arg%19 == 3, Hop: e.Hop, Epoch: int(arg % 4), PhotoAllowed: arg%2 == 0, RecallSeconds: int(arg), Again: arg%3 == 0}
		}
	case KindSettings:
		c := DefaultConfig()
		c.Buttons = int(arg % 5)
		c.Announce = arg%2 == 0
		c.Timers.Silence = time.Duration(arg%2) * 30 * time.Second
		e.Config = &c
	case KindBoot:
		e.Boot = &Facts{Online: arg%2 == 0, Camera: arg%3 != 0, Quiet: arg%5 == 0, Turns: []Turn{{Hop: "h1", Epoch: 1}},
			Takes: []TakeFile{{Hop: "h1", N: 1, Duration: time.Duration(arg) * 20 * time.Millisecond, Partial: arg%2 == 0}}}
		if arg%4 == 0 {
			saved := s.clone()
			e.Boot.Saved = &saved
		}
	}
	return e
}
