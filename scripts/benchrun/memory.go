package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// memoryLimit is what one idle connected box may cost, in bytes.
const memoryLimit = 12 << 10

// Boxes come in two steps.
var memorySteps = []int{1000, 10_000}

// settleTime is how long connections are idle before they are weighed: long
// enough for three pings each way and several rounds of presence.
const settleTime = 70 * time.Second

// memory weighs both servers with nobody connected, then with 1,000 and with
// 10,000. A few come before, stay as long and go, so that code that runs for
// the first time then is in memory already.
func memory(ctx context.Context, b *bench) (err error) {
	bare, err := startBare(ctx)
	if err != nil {
		return err
	}
	defer both(&err, bare.end)
	f, err := newFleet(ctx, b)
	if err != nil {
		return err
	}
	defer both(&err, f.close)
	began := time.Now()
	if err := f.enrol(ctx, memorySteps[len(memorySteps)-1]); err != nil {
		return err
	}
	b.say("%d boxes enrolled in %s", len(f.boxes), time.Since(began).Round(time.Second))
	if err := f.restart(ctx); err != nil {
		return err
	}
	var ours, bareEach []weight
	var all errgroup.Group
	all.Go(func() (err error) {
		ours, err = weigh(ctx, f.w.Server().PID(), "http://"+f.debug, func(c *crowd, from, to int) error { return c.join(f.w.URL(), f.boxes[from:to]) })
		return err
	})
	all.Go(func() (err error) {
		bareEach, err = weigh(ctx, bare.cmd.Process.Pid, bare.base, func(c *crowd, from, to int) error { return c.joinBare(bare.base, to-from) })
		return err
	})
	if err := all.Wait(); err != nil {
		return err
	}
	for i, n := range memorySteps {
		b.say("%d connections: %.1f KB each; after a collection %.1f KB. Bare gorilla server: %.1f KB, %.1f KB",
			n, kb(ours[i].asItIs), kb(ours[i].collected), kb(bareEach[i].asItIs), kb(bareEach[i].collected))
		b.held(kb(ours[i].collected), kb(memoryLimit), "KB", "each of %d idle boxes (%.2f of the bare server's)", n, ours[i].collected/bareEach[i].collected)
	}
	return nil
}

func kb(bytes float64) float64 { return bytes / 1024 }

// weight is what one connection costs, in bytes.
type weight struct{ asItIs, collected float64 }

// weigh lets clients come and weighs the process after each step.
func weigh(ctx context.Context, pid int, debug string, join func(c *crowd, from, to int) error) ([]weight, error) {
	first := newCrowd(ctx)
	err := join(first, 0, 50)
	if err == nil {
		err = wait(ctx, settleTime)
	}
	first.close()
	if err != nil {
		return nil, err
	}
	if err := wait(ctx, 5*time.Second); err != nil {
		return nil, err
	}
	empty, err := collected(ctx, pid, debug)
	if err != nil {
		return nil, err
	}
	c := newCrowd(ctx)
	defer c.close()
	var all []weight
	here := 0
	for _, n := range memorySteps {
		if err := join(c, here, n); err != nil {
			return nil, err
		}
		here = n
		if err := wait(ctx, settleTime); err != nil {
			return nil, err
		}
		if lost := c.lost.Load(); lost > 0 {
			return nil, fmt.Errorf("%d connections were lost", lost)
		}
		now, err := resident(pid)
		if err != nil {
			return nil, err
		}
		then, err := collected(ctx, pid, debug)
		if err != nil {
			return nil, err
		}
		all = append(all, weight{float64(now-empty) / float64(n), float64(then-empty) / float64(n)})
		if err := profiles(ctx, debug, n); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// collected asks the process to collect its garbage, lets it give memory back,
// and weighs it.
func collected(ctx context.Context, pid int, debug string) (int64, error) {
	for range 3 {
		if err := fetch(ctx, debug+"/debug/pprof/heap?gc=1", io.Discard); err != nil {
			return 0, err
		}
	}
	// The runtime gives back slowly, on purpose.
	if err := wait(ctx, 5*time.Second); err != nil {
		return 0, err
	}
	return resident(pid)
}

// profiles keeps heap and stacks for a closer look, where BENCH_PROFILES names
// a folder.
func profiles(ctx context.Context, debug string, n int) error {
	dir := os.Getenv("BENCH_PROFILES")
	if dir == "" {
		return nil
	}
	for name, path := range map[string]string{"heap": "heap?debug=1", "heap.pb": "heap", "stacks": "goroutine?debug=1"} {
		f, err := os.Create(fmt.Sprintf("%s/%d-%s-%s", dir, n, strings.NewReplacer("/", "", ":", "-").Replace(debug), name))
		if err != nil {
			return err
		}
		if err := errors.Join(fetch(ctx, debug+"/debug/pprof/"+path, f), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

func fetch(ctx context.Context, address string, to io.Writer) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", address, res.Status)
	}
	_, err = io.Copy(to, res.Body)
	return err
}

// resident is what a process has in memory now, in bytes.
func resident(pid int) (int64, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), "Rss:"); ok {
			var n int64
			_, err := fmt.Sscanf(strings.TrimSpace(rest), "%d kB", &n)
			return n << 10, err
		}
	}
	return 0, errors.Join(fmt.Errorf("process %d shows no Rss", pid), lines.Err())
}
