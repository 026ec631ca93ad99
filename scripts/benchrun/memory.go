package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// memoryLimit is what one idle connected box may cost, in bytes.
const memoryLimit = 12 << 10

// Boxes come in two steps.
var memorySteps = []int{1000, 10_000}

// settleTime is how long connections are idle before they are weighed: long
// enough for three pings each way and several rounds of presence.
// The bare server does nothing meanwhile.
const (
	settleTime     = 70 * time.Second
	bareSettleTime = 5 * time.Second
)

// memory weighs both servers with nobody connected, then with 1,000 and with
// 10,000. Before, a few come, stay as long and go, and every box asks for its
// offers once: code that runs for the first time is in memory then, and what
// the database keeps in memory is as full as it gets.
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
	if err := f.askAll(ctx); err != nil {
		return err
	}
	ours, err := weigh(ctx, f.w.Server().PID(), "http://"+f.debug, settleTime, func(c *crowd, from, to int) error {
		return c.join(f.w.URL(), f.boxes[from:to])
	})
	if err != nil {
		return err
	}
	bareEach, err := weigh(ctx, bare.cmd.Process.Pid, bare.base, bareSettleTime, func(c *crowd, from, to int) error {
		return c.joinBare(bare.base, to-from)
	})
	if err != nil {
		return fmt.Errorf("the bare server: %w", err)
	}
	for i, n := range memorySteps {
		b.say("%d connections: %.1f KB each, %.1f KB at the top of the cycle; bare gorilla server: %.1f KB, %.1f KB", n,
			kb(ours[i].settled), kb(ours[i].full), kb(bareEach[i].settled), kb(bareEach[i].full))
		b.held(kb(ours[i].settled), kb(memoryLimit), "KB", "each of %d idle boxes (%.2f of the bare server's)", n, ours[i].settled/bareEach[i].settled)
	}
	return nil
}

// floor weighs what no server of ours can go below: a goroutine that reads from
// a connection, and the same as a websocket in gorilla's way.
func floor(ctx context.Context, b *bench) (err error) {
	bare, err := startBare(ctx)
	if err != nil {
		return err
	}
	defer func() { both(&err, bare.end) }()
	for name, join := range map[string]func(c *crowd, from, to int) error{
		"a bare TCP server":     func(c *crowd, from, to int) error { return c.joinFloor(bare.floor, to-from) },
		"a bare gorilla server": func(c *crowd, from, to int) error { return c.joinBare(bare.base, to-from) },
	} {
		if err := errors.Join(bare.end(), bare.again(ctx)); err != nil {
			return err
		}
		all, err := weigh(ctx, bare.cmd.Process.Pid, bare.base, bareSettleTime, join)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for i, n := range memorySteps {
			b.say("%s, %d connections: %.1f KB each, %.1f KB at the top of the cycle", name, n, kb(all[i].settled), kb(all[i].full))
		}
	}
	return nil
}

func kb(bytes float64) float64 { return bytes / 1024 }

// weight is bytes: settled, when the garbage is collected and given back, and
// full, at the top of a cycle, where a program stands that has run for long.
type weight struct{ settled, full float64 }

// less is what each of n costs that came since.
func (w weight) less(empty weight, n int) weight {
	return weight{(w.settled - empty.settled) / float64(n), (w.full - empty.full) / float64(n)}
}

// weigh lets clients come and says after each step what one costs.
func weigh(ctx context.Context, pid int, debug string, settle time.Duration, join func(c *crowd, from, to int) error) ([]weight, error) {
	first := newCrowd(ctx)
	err := join(first, 0, 50)
	if err == nil {
		err = wait(ctx, settle)
	}
	first.close()
	if err != nil {
		return nil, err
	}
	if err := wait(ctx, 5*time.Second); err != nil {
		return nil, err
	}
	empty, err := weightOf(ctx, pid, debug)
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
		if err := wait(ctx, settle); err != nil {
			return nil, err
		}
		if lost := c.lost.Load(); lost > 0 {
			return nil, fmt.Errorf("%d connections were lost", lost)
		}
		now, err := weightOf(ctx, pid, debug)
		if err != nil {
			return nil, err
		}
		all = append(all, now.less(empty, n))
		if err := profiles(ctx, debug, n); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// collections is how often garbage is made until it is collected before a
// process is weighed.
const collections = 4

var numGC = regexp.MustCompile(`(?m)^# NumGC = (\d+)$`)

// weightOf weighs a process in both ways.
func weightOf(ctx context.Context, pid int, debug string) (w weight, err error) {
	for range 3 {
		if err := fetch(ctx, debug+"/debug/pprof/heap?gc=1", io.Discard); err != nil {
			return w, err
		}
	}
	// The runtime gives back slowly, on purpose.
	if err := wait(ctx, 5*time.Second); err != nil {
		return w, err
	}
	if w.settled, err = resident(pid); err != nil {
		return w, err
	}
	w.full, err = steady(ctx, pid, debug)
	return w, err
}

// steady weighs a process as full of garbage as its runtime lets it be. Asking
// for a profile makes garbage, of either server alike.
func steady(ctx context.Context, pid int, debug string) (float64, error) {
	first, most := -1, 0.0
	for {
		var text strings.Builder
		if err := fetch(ctx, debug+"/debug/pprof/heap?debug=1", &text); err != nil {
			return 0, err
		}
		found := numGC.FindStringSubmatch(text.String())
		if found == nil {
			return 0, errors.New("the profile does not tell the number of collections")
		}
		n, err := strconv.Atoi(found[1])
		if err != nil {
			return 0, err
		}
		if first < 0 {
			first = n
		}
		now, err := resident(pid)
		if err != nil {
			return 0, err
		}
		most = max(most, now)
		if n >= first+collections {
			return most, nil
		}
	}
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
func resident(pid int) (float64, error) {
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
			return float64(n << 10), err
		}
	}
	return 0, errors.Join(fmt.Errorf("process %d shows no Rss", pid), lines.Err())
}

// askAll lets every box ask for its offers.
func (f *fleet) askAll(ctx context.Context) error {
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: connectors}}
	defer client.CloseIdleConnections()
	return each(len(f.boxes), connectors, func(i int) error { return offers(ctx, client, f.w.URL(), f.boxes[i]) })
}
