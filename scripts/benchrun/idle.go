package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"illumi/scripts/e2e/world"
)

// How long an idle box is watched, after it has had time to become idle. A
// status of its health comes along in it.
const (
	calmTime  = 40 * time.Second
	watchTime = 3 * time.Minute
)

// Limits of an idle box.
const (
	idleBytesLimit  = 2.0 // MB a day on its line, websocket frames up and down
	idleMemoryLimit = 25  // MB resident
	idleCPULimit    = 0.2 // per cent of one processor
	startLimit      = 10  // starts of the same program that only tells its version
)

// idle watches one simulated box that has nothing to do, through a proxy that
// counts, and starts it again a few times.
func idle(ctx context.Context, b *bench) (err error) {
	f, err := newFleet(ctx, b)
	if err != nil {
		return err
	}
	defer both(&err, f.close)
	proxy, err := world.NewProxy(f.w.Addr())
	if err != nil {
		return err
	}
	defer both(&err, proxy.Close)
	proxy.Serve()
	box, err := f.w.NewAgent(ctx, "idle")
	if err != nil {
		return err
	}
	box.Server = proxy.URL()
	if err := box.Start(); err != nil {
		return err
	}
	if err := linked(ctx, box, 1); err != nil {
		return err
	}
	if err := b.watch(ctx, box.Process().PID(), proxy); err != nil {
		return err
	}
	if err := box.Process().Stop(30 * time.Second); err != nil {
		return err
	}
	return b.starts(ctx, box)
}

// watch counts what an idle box needs.
func (b *bench) watch(ctx context.Context, pid int, proxy *world.Proxy) error {
	if err := wait(ctx, calmTime); err != nil {
		return err
	}
	up, down := proxy.Up(), proxy.Down()
	used, err := processorTime(pid)
	if err != nil {
		return err
	}
	if err := wait(ctx, watchTime); err != nil {
		return err
	}
	after, err := processorTime(pid)
	if err != nil {
		return err
	}
	memory, err := resident(pid)
	if err != nil {
		return err
	}
	days := watchTime.Hours() / 24
	sent, got := float64(proxy.Up()-up)/days/1e6, float64(proxy.Down()-down)/days/1e6
	b.say("%d bytes up and %d down in %s; one day: %.2f MB up, %.2f MB down", proxy.Up()-up, proxy.Down()-down, watchTime, sent, got)
	b.held(sent+got, idleBytesLimit, "MB", "an idle box's line a day")
	b.held(memory/1e6, idleMemoryLimit, "MB", "its resident memory")
	b.held(100*(after-used).Seconds()/watchTime.Seconds(), idleCPULimit, "%", "its share of one processor")
	return nil
}

// starts times an enrolled box from its start to the server's welcome, beside
// the same program that only tells its version.
func (b *bench) starts(ctx context.Context, box *world.Agent) error {
	var whole, least []time.Duration
	for n := range 9 {
		began := time.Now()
		if err := exec.CommandContext(ctx, filepath.Join(b.bin, "illumi-agent"), "--version").Run(); err != nil {
			return fmt.Errorf("illumi-agent --version: %w", err)
		}
		least = append(least, time.Since(began))
		began = time.Now()
		if err := box.Start(); err != nil {
			return err
		}
		if err := linked(ctx, box, n+2); err != nil {
			return err
		}
		whole = append(whole, time.Since(began))
		if err := box.Process().Stop(30 * time.Second); err != nil {
			return err
		}
	}
	b.say("from its start to the server's welcome %s; to its version alone %s", short(median(whole)), short(median(least)))
	b.held(ratio(median(whole), median(least)), startLimit, "×", "an agent's start")
	return nil
}

// linked waits until the agent has said so often that its link is up.
func linked(ctx context.Context, box *world.Agent, times int) error {
	for {
		if strings.Count(box.Process().Tail(1<<20), "link is up") >= times {
			return nil
		}
		select {
		case <-box.Process().Done():
			return errors.New("the agent ended:\n" + box.Process().Tail(2000))
		default:
		}
		if err := wait(ctx, time.Millisecond); err != nil {
			return err
		}
	}
}

// ticksPerSecond is Linux's USER_HZ, which is 100 on every platform of ours.
const ticksPerSecond = 100

// processorTime is what a process and its threads have used so far.
func processorTime(pid int) (time.Duration, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name, in brackets, may hold anything; fields are counted behind it.
	i := strings.LastIndexByte(string(data), ')')
	fields := strings.Fields(string(data[i+1:]))
	const utime, stime = 11, 12
	if i < 0 || len(fields) <= stime {
		return 0, fmt.Errorf("process %d: its stat cannot be read", pid)
	}
	var ticks int
	for _, f := range slices.Concat(fields[utime:utime+1], fields[stime:stime+1]) {
		n, err := strconv.Atoi(f)
		if err != nil {
			return 0, fmt.Errorf("process %d: %w", pid, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / ticksPerSecond, nil
}
