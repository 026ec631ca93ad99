package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// tracing is the kernel's own record of what runs when.
const tracing = "/sys/kernel/tracing/"

// apart is how long a process has to sleep for its next run to be another
// wake-up: a program of several threads wakes them one after the other, and the
// runtime of Go looks after itself for some milliseconds.
const apart = 50 * time.Millisecond

// switched finds who begins to run, and when, in a line of the trace.
var switched = regexp.MustCompile(`(\d+\.\d+): sched_switch:.* next_pid=(\d+)`)

// bursts counts for each process how often it woke as a whole.
func bursts(list []Used, long time.Duration) (count []int, err error) {
	whose := map[string]int{} // thread → place in the list
	var threads []string
	for i, u := range list {
		found, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", u.PID))
		if err != nil {
			return nil, err
		}
		for _, t := range found {
			whose[filepath.Base(t)] = i
			threads = append(threads, filepath.Base(t))
		}
	}
	set := func(file, value string) {
		err = errors.Join(err, os.WriteFile(tracing+file, []byte(value), 0))
	}
	set("options/event-fork", "1") // threads that come later
	set("set_event_pid", strings.Join(threads, " "))
	set("trace", "")
	set("events/sched/sched_switch/enable", "1")
	if err != nil {
		return nil, fmt.Errorf("trace what runs: %w", err)
	}
	time.Sleep(long)
	set("events/sched/sched_switch/enable", "0")
	set("set_event_pid", "")
	if err != nil {
		return nil, fmt.Errorf("end the trace: %w", err)
	}
	f, err := os.Open(tracing + "trace")
	if err != nil {
		return nil, err
	}
	count = make([]int, len(list))
	last := make([]time.Duration, len(list))
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		m := switched.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		i, ok := whose[m[2]]
		if !ok {
			continue
		}
		seconds, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			return nil, err
		}
		at := time.Duration(seconds * float64(time.Second))
		if at-last[i] > apart {
			count[i]++
		}
		last[i] = at
	}
	return count, errors.Join(lines.Err(), f.Close())
}
