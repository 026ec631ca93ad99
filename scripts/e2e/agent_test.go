package e2e_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"illumi/scripts/e2e/world"
)

// agents starts boxes that answer by themselves and waits until they are
// online; it returns their device ids.
func (s *stage) agents(t *testing.T, change func(*world.Agent), names ...string) ([]*world.Agent, []string) {
	t.Helper()
	var list []*world.Agent
	for _, name := range names {
		a, err := s.NewAgent(t.Context(), name)
		must(t, err)
		a.Speed = killSpeed
		change(a)
		must(t, a.Start())
		list = append(list, a)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	devices, err := s.WaitOnline(ctx, list, func(string) {})
	must(t, err)
	var ids []string
	for _, a := range list {
		ids = append(ids, devices[a.Name].ID)
	}
	return list, ids
}

// TestAgents_Sleeper has a real box switched off when its turn comes, and the
// server restarted before it returns.
func TestAgents_Sleeper(t *testing.T) {
	s := set(t, world.Options{}, 0)
	agents, ids := s.agents(t, func(*world.Agent) {}, "conandoyle", "janeeyre", "beargrylls")
	id := s.begin(t, world.Start{Boxes: ids, Seed: "00000000000000000000000000000000000000000000000000000000000000aa"})
	w, _, err := s.r.Whisper(t.Context(), id)
	must(t, err)
	var last *world.Agent
	for _, a := range agents {
		if a.Name == w.Hops[2].Device {
			last = a
		}
	}
	must(t, last.Process().Stop(10*time.Second))
	s.until(t, id, time.Minute, func(w world.Whisper) bool { return w.Hops[2].State == "offered" })
	must(t, s.Server().Stop(20*time.Second))
	must(t, s.StartServer(t.Context()))
	must(t, last.Start())
	must(t, s.until(t, id, time.Minute, complete).Check())
}

// TestAgents_BadLine lets every connection break, hang or vanish after a few
// hundred kilobytes. What is carried again must stay little.
func TestAgents_BadLine(t *testing.T) {
	if testing.Short() {
		t.Skip("hanging lines take a while")
	}
	badLine(t, badLines{every: 400_000, seconds: 50, speed: 200, most: 1.15, boxes: []string{"conandoyle", "janeeyre"}})
}

// TestAgents_TwentyBoxes is the same round a long chain with answers of 4 MB.
func TestAgents_TwentyBoxes(t *testing.T) {
	if os.Getenv("ILLUMI_TEST_ALL") == "" {
		t.Skip("it takes minutes: scripts/test --all runs it")
	}
	var boxes []string
	for i := range 20 {
		boxes = append(boxes, fmt.Sprintf("box%02d", i+1))
	}
	badLine(t, badLines{every: 500_000, seconds: 150, speed: 100, most: 1.1, boxes: boxes, least: 4_000_000})
}

// badLines are lines that end after some bytes, and what may be carried over
// them for each byte of the files.
type badLines struct {
	every   int64
	seconds int // of each answer, 32 kB a second
	speed   int
	most    float64
	boxes   []string
	least   int64 // of each answer's bytes as they are sent; 0: any
}

func badLine(t *testing.T, b badLines) {
	s := set(t, world.Options{}, 0)
	p, err := world.NewProxy(s.Addr())
	must(t, err)
	p.Every, p.Rate, p.Stall = b.every, 4_000_000, time.Second
	p.Faults = []world.Fault{world.FaultCut, world.FaultReset, world.FaultStall}
	p.Serve()
	t.Cleanup(func() {
		t.Logf("in all %d lines failed, %d bytes up, %d down", p.Ended(), p.Up(), p.Down())
		must(t, p.Close())
	})
	answer := filepath.Join(s.Dir(), "long answer.wav")
	var long []int16
	noise := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // which a box cannot compress
	for range 16_000 * b.seconds {
		long = append(long, int16(noise.IntN(60_000)-30_000))
	}
	must(t, world.WriteWAV(answer, 1, 16_000, long))
	_, ids := s.agents(t, func(a *world.Agent) {
		a.Server, a.AnswerAudio, a.Speed = p.URL(), answer, b.speed
	}, b.boxes...)
	id := s.begin(t, world.Start{Boxes: ids})
	w := s.until(t, id, time.Duration(len(b.boxes))*4*time.Minute, complete)
	must(t, w.Check())
	var up, down int64
	before := w.Origin.Files
	for _, h := range w.Hops {
		for _, f := range before {
			if f.Variant == "shared" {
				down += f.Size
			}
		}
		var sent int64
		for _, f := range h.Files {
			if f.Variant == "original" {
				sent += f.Size
			}
		}
		if up += sent; sent < b.least {
			t.Errorf("an answer has %d bytes, and is to have %d", sent, b.least)
		}
		before = h.Files
	}
	t.Logf("%d lines failed; up %d bytes for %d (%.3f), down %d for %d (%.3f)", p.Ended(),
		p.Up(), up, float64(p.Up())/float64(up), p.Down(), down, float64(p.Down())/float64(down))
	if p.Ended() < int64(2*len(b.boxes)) {
		t.Errorf("only %d lines failed: this tested nothing", p.Ended())
	}
	if float64(p.Up()) > b.most*float64(up) || float64(p.Down()) > b.most*float64(down) {
		t.Error("too much was carried again")
	}
}
