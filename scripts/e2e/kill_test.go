package e2e_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"illumi/scripts/e2e/world"
)

// Settings of TestKill; scripts/killtest gives them.
const (
	envRounds  = "ILLUMI_KILL_ROUNDS"  // how many kills on each database
	envSeed    = "ILLUMI_KILL_SEED"    // of what is killed when
	envMariaDB = "ILLUMI_KILL_MARIADB" // folder of a MariaDB of scripts/mariadb that may be killed as well
)

// killSpeed is how much faster than people the boxes are.
const killSpeed = 50

// TestKill sends whispers through five boxes while server and boxes are killed
// and started again, at moments that a seed decides.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("kills take a while")
	}
	rounds, seed := 6, rand.Uint64()
	for name, to := range map[string]func(string) error{
		envRounds: func(v string) (err error) { rounds, err = strconv.Atoi(v); return err },
		envSeed:   func(v string) (err error) { seed, err = strconv.ParseUint(v, 10, 64); return err },
	} {
		if v := os.Getenv(name); v != "" {
			must(t, to(v))
		}
	}
	databases(t, func(t *testing.T, o world.Options) {
		t.Logf("%s=%d %s=%d", envRounds, rounds, envSeed, seed)
		newKiller(t, o, rounds, seed).run(t)
	})
}

// killer is a stage with five boxes and somebody who pulls plugs.
type killer struct {
	*stage
	o       world.Options
	sink    *sink
	agents  []*world.Agent
	boxes   []string // device ids
	rounds  int
	rng     *rand.Rand
	mariadb string

	kills      map[string]int
	serverEnds int
	whispers   []string
}

func newKiller(t *testing.T, o world.Options, rounds int, seed uint64) *killer {
	k := &killer{rounds: rounds, rng: rand.New(rand.NewPCG(seed, 1)), kills: map[string]int{}}
	if o.DB != "" {
		k.mariadb = os.Getenv(envMariaDB)
	}
	k.sink, o.Mail = newSink(t)
	k.o = o
	k.stage = set(t, o, 0)
	for _, name := range []string{"conandoyle", "janeeyre", "beargrylls", "mobydick", "emmawoodhouse"} {
		a, err := k.NewAgent(t.Context(), name)
		must(t, err)
		a.Speed = killSpeed
		must(t, a.Start())
		k.agents = append(k.agents, a)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	devices, err := k.WaitOnline(ctx, k.agents, func(string) {})
	must(t, err)
	for _, a := range k.agents {
		k.boxes = append(k.boxes, devices[a.Name].ID)
	}
	return k
}

func (k *killer) total() int {
	n := 0
	for _, v := range k.kills {
		n += v
	}
	return n
}

func (k *killer) run(t *testing.T) {
	began := time.Now()
	for k.total() < k.rounds {
		k.whisper(t)
	}
	t.Logf("%d kills (%v) in %s; %d whispers of %d hops", k.total(), k.kills, time.Since(began).Round(time.Second), len(k.whispers), len(k.agents))
	k.check(t)
}

// whisper starts two whispers and kills until both are complete.
func (k *killer) whisper(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	audio, err := k.r.Upload(ctx, world.Upload{Path: k.audio, Role: "audio"})
	must(t, err)
	var pair []string
	for i := range 2 {
		if i > 0 {
			audio, err = k.r.Upload(ctx, world.Upload{Path: k.audio, Role: "audio"})
			must(t, err)
		}
		id, err := k.r.Start(ctx, k.project, world.Start{Title: fmt.Sprintf("Story %d", len(k.whispers)+i+1), Audio: audio, Boxes: k.boxes})
		must(t, err)
		pair = append(pair, id)
	}
	k.whispers = append(k.whispers, pair...)

	over, stop := context.WithCancel(ctx)
	defer stop()
	var killing sync.WaitGroup
	killing.Go(func() {
		for k.total() < k.rounds && over.Err() == nil {
			select {
			case <-over.Done():
				return
			case <-time.After(time.Duration(k.rng.Int64N(int64(700 * time.Millisecond)))):
			}
			if err := k.kill(ctx); err != nil {
				t.Error(err)
				cancel()
				return
			}
		}
	})
	for _, id := range pair {
		for {
			w, _, err := k.r.Whisper(ctx, id)
			if err == nil && complete(w) {
				break
			}
			select {
			case <-ctx.Done():
				stop()
				killing.Wait()
				t.Fatalf("a whisper did not come to its end after %d kills (%v): %v\n%s", k.total(), k.kills, err, progress(w))
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	stop()
	killing.Wait()
}

func progress(w world.Whisper) string {
	var b strings.Builder
	for _, h := range w.Hops {
		fmt.Fprintf(&b, "%d %s %s\n", h.Position, h.Device, h.State)
	}
	return b.String()
}

// kill ends something like a power cut would, and starts it again.
func (k *killer) kill(ctx context.Context) error {
	what := k.rng.IntN(100)
	down := time.Duration(k.rng.Int64N(int64(400 * time.Millisecond)))
	agent := k.agents[k.rng.IntN(len(k.agents))]
	switch {
	case what < 8 && k.mariadb != "":
		k.kills["mariadb"]++
		if err := mariadb(ctx, "kill", k.mariadb); err != nil {
			return err
		}
		time.Sleep(down)
		return mariadb(ctx, "start", k.mariadb)
	case what < 40:
		k.kills["server"]++
		k.serverEnds++
		k.Server().Kill()
		time.Sleep(down)
		return k.StartServer(ctx)
	}
	k.kills["box"]++
	if !agent.Process().Running() {
		return fmt.Errorf("the box %s had ended by itself:\n%s", agent.Name, agent.Process().Tail(3000))
	}
	agent.Process().Kill()
	time.Sleep(down)
	return agent.Start()
}

func mariadb(ctx context.Context, verb, dir string) error {
	out, err := exec.CommandContext(ctx, filepath.Join("..", "mariadb"), verb, dir).CombinedOutput()
	if err != nil {
		return fmt.Errorf("scripts/mariadb %s: %w\n%s", verb, err, out)
	}
	return nil
}
