package route_test

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/route"
)

var update = flag.Bool("update", false, "write the transcripts anew; read the difference")

var begin = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

func draft(n int, f model.Forwarding) model.Whisper {
	w := model.Whisper{ID: "w", State: model.WhisperDraft, Forwarding: f, Hold: 10 * time.Minute}
	for i := range n {
		w.Hops = append(w.Hops, model.Hop{ID: fmt.Sprint("hop", i+1), Position: i + 1, DeviceID: fmt.Sprint("box", i+1), State: model.HopPlanned})
	}
	return w
}

// TestTranscripts replays testdata/*.txt: a line an event, then all that came
// of it. "new N straight|pause" begins a story, "+10m" lets time pass.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := replay(t, string(data))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(data) {
				t.Errorf("the story has changed; run with -update and read the difference.\ngot:\n%s", got)
			}
		})
	}
}

func replay(t *testing.T, story string) string {
	t.Helper()
	var out strings.Builder
	var w model.Whisper
	now := begin
	lines := bufio.NewScanner(strings.NewReader(story))
	for lines.Scan() {
		line := lines.Text()
		if line == "" || strings.HasPrefix(line, "#") {
			fmt.Fprintln(&out, line)
			continue
		}
		if strings.HasPrefix(line, "  ") {
			continue // what came of it the last time
		}
		fmt.Fprintln(&out, line)
		word := strings.Fields(line)
		switch {
		case word[0] == "new":
			n, err := strconv.Atoi(word[1])
			if err != nil {
				t.Fatal(err)
			}
			w = draft(n, map[string]model.Forwarding{"straight": model.ForwardStraight, "pause": model.ForwardPause}[word[2]])
			continue
		case word[0] == "deadlines":
			w.Policy.Deadlines = deadlines(t, word)
			continue
		case strings.HasPrefix(line, "+"):
			d, err := time.ParseDuration(line[1:])
			if err != nil {
				t.Fatal(err)
			}
			now = now.Add(d)
			continue
		}
		next, actions, err := route.Next(w, event(t, word), now)
		if err != nil {
			fmt.Fprintf(&out, "  refused: %v\n", err)
			continue
		}
		w = next
		for _, a := range actions {
			fmt.Fprintf(&out, "  %s\n", strings.TrimPrefix(fmt.Sprintf("%T%+v", a, a), "route."))
		}
		fmt.Fprintf(&out, "  = %s:", w.State)
		for _, h := range w.Hops {
			ready := ""
			if h.State == model.HopPlanned && !h.ReadyAt.IsZero() {
				ready = "+ready"
			}
			fmt.Fprintf(&out, " %d %s%s", h.Position, h.State, ready)
		}
		fmt.Fprintln(&out)
	}
	return out.String()
}

func event(t *testing.T, word []string) route.Event {
	t.Helper()
	num := func(i int) int {
		n, err := strconv.Atoi(word[i])
		if err != nil {
			t.Fatalf("%v: %v", word, err)
		}
		return n
	}
	switch word[0] {
	case "start":
		return route.Start{}
	case "offered":
		return route.Offered{Position: num(1), Seq: 1}
	case "delivered", "heard", "recording", "saved":
		return route.Progressed{Position: num(1), Epoch: num(2), Step: protocol.MessageType(word[0])}
	case "replied":
		return route.Replied{Position: num(1), Epoch: num(2), Reply: word[3]}
	case "holdover", "tick":
		return route.Tick{}
	case "decide":
		e := route.Decide{Hop: word[1], Epoch: num(2), Decisions: num(3), Do: route.Decision(word[4]), By: "anna", Why: "ill"}
		if e.Do == route.Replace {
			e.NewHop, e.Device = "hop9", word[5]
		}
		return e
	case "takeback":
		return route.TakenBack{Position: num(1), Reply: word[2]}
	case "pause":
		return route.Pause{}
	case "resume":
		return route.Resume{}
	case "end":
		return route.End{}
	}
	t.Fatalf("unknown event %v", word)
	return nil
}

// FuzzNext drives a whisper by any string of events and checks what must hold
// whatever happens.
func FuzzNext(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9})
	f.Add([]byte("\x00\x01\x11\x21\x04\x05\x06"))
	f.Fuzz(func(t *testing.T, events []byte) {
		if len(events) > 400 {
			return
		}
		forward := model.ForwardStraight
		mode := model.SkipAsk
		if len(events)%3 == 1 {
			mode = model.SkipAuto
		}
		if len(events)%2 == 1 {
			forward = model.ForwardPause
		}
		w := draft(3, forward)
		w.Policy.Deadlines = model.Deadlines{Remind: 20 * time.Minute, Ask: 40 * time.Minute, Skip: time.Hour, Mode: mode}
		now := begin
		replies := 0
		accepted := map[int]string{}
		for _, b := range events {
			e := fuzzEvent(w, b, &now, &replies)
			before := w
			next, actions, err := route.Next(w, e, now)
			if err != nil {
				continue // refused: nothing changes, as nothing is taken over
			}
			w = next
			if len(w.Hops) > len(before.Hops) {
				accepted = map[int]string{} // places moved
			}
			if d, ok := e.(route.Decide); ok && d.Do == route.Postpone {
				accepted = map[int]string{}
			}
			for _, a := range actions {
				switch a := a.(type) {
				case route.Accept:
					if old := accepted[a.Position]; old != "" {
						t.Fatalf("hop %d was answered twice: %s, %s", a.Position, old, w.Hops[a.Position-1].ReplyID)
					}
					accepted[a.Position] = w.Hops[a.Position-1].ReplyID
				case route.GiveBack:
					accepted[a.Position] = ""
				}
			}
			check(t, before, w, e, actions)
		}
	})
}

func fuzzEvent(w model.Whisper, b byte, now *time.Time, replies *int) route.Event {
	p := 1 + int(b>>4)%len(w.Hops)
	h := w.Hops[p-1]
	switch b & 15 {
	case 0:
		return route.Start{}
	case 1:
		return route.Offered{Position: p}
	case 2:
		return route.Progressed{Position: p, Epoch: h.Epoch, Step: protocol.TypeDelivered}
	case 3:
		return route.Progressed{Position: p, Epoch: h.Epoch, Step: protocol.TypeHeard}
	case 4, 5:
		*replies++
		return route.Replied{Position: p, Epoch: h.Epoch, Reply: fmt.Sprint("r", *replies)}
	case 6:
		return route.Replied{Position: p, Epoch: h.Epoch - 1, Reply: "old"}
	case 7:
		return route.Tick{}
	case 8:
		return route.TakenBack{Position: p, Reply: h.ReplyID}
	case 9:
		return route.TakenBack{Position: p, Reply: "other"}
	case 10:
		return route.Pause{}
	case 11:
		return route.Resume{}
	case 12:
		return route.End{}
	case 13:
		*now = now.Add(11 * time.Minute)
	case 14, 15:
		*replies++
		do := []route.Decision{route.Wait, route.Skip, route.Replace, route.Postpone}[(int(b>>4)+int(b&1))%4]
		return route.Decide{Hop: h.ID, Epoch: h.Epoch, Decisions: h.Course.Decisions, Do: do, NewHop: fmt.Sprint("n", *replies), Device: fmt.Sprint("m", *replies)}
	}
	return route.Tick{}
}

func check(t *testing.T, before, w model.Whisper, e route.Event, actions []route.Action) {
	t.Helper()
	atBox := 0
	open := false
	for i, h := range w.Hops {
		if h.State.AtBox() {
			atBox++
		}
		if open && h.State != model.HopPlanned && h.State != model.HopWithdrawn && h.State != model.HopSkipped {
			t.Fatalf("hop %d is %s though an earlier one is not over (%T)", h.Position, h.State, e)
		}
		if !h.State.Over() {
			open = true
		}
		if h.Position != i+1 {
			t.Fatalf("hop %s stands at %d and says %d", h.ID, i+1, h.Position)
		}
		if was, ok := before.HopByID(h.ID); ok && h.Epoch < was.Epoch {
			t.Fatalf("the epoch of hop %d fell", h.Position)
		}
		if h.State == model.HopApproved && h.ReplyID == "" {
			t.Fatalf("hop %d is approved without a reply", h.Position)
		}
	}
	if len(w.Hops) < len(before.Hops) {
		t.Fatal("a hop is gone")
	}
	if atBox > 1 {
		t.Fatalf("%d boxes have the whisper at once", atBox)
	}
	if w.State == model.WhisperComplete && open {
		t.Fatal("complete with an open hop")
	}
	if (before.State == model.WhisperComplete || before.State == model.WhisperEnded) && w.State != before.State {
		t.Fatalf("%s became %s", before.State, w.State)
	}
	if w.State == model.WhisperTravelling && atBox == 0 {
		waits := false
		for _, h := range w.Hops {
			waits = waits || h.State == model.HopHeld || h.State == model.HopPlanned && !h.ReadyAt.IsZero()
		}
		if !waits {
			t.Fatalf("nobody has the whisper and nothing will move it on, after %T", e)
		}
	}
	for _, a := range actions {
		if _, ok := a.(route.Complete); ok && w.State != model.WhisperComplete {
			t.Fatal("told complete, but is not")
		}
	}
}
