package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Used is what a process needed while nothing was asked of it.
type Used struct {
	PID      int
	Resident int64   // bytes, at the end
	Own      int64   // of these, not from a file: what no other program could share
	CPU      float64 // share of one processor
	Wakes    float64 // a second: how often it woke as a whole, see bursts
	Sleeps   float64 // a second: how often one of its threads went to sleep
}

// tick is what the kernel counts processor time in (USER_HZ).
const tick = 10 * time.Millisecond

func watch(args []string) ([]Used, error) {
	flags := flag.NewFlagSet("watch", flag.ContinueOnError)
	long := flags.Duration("for", time.Minute, "how long")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	var list []Used
	var before []count
	for _, a := range flags.Args() {
		pid, err := strconv.Atoi(a)
		if err != nil {
			return nil, fmt.Errorf("%q is no process id", a)
		}
		c, err := countOf(pid)
		if err != nil {
			return nil, err
		}
		list, before = append(list, Used{PID: pid}), append(before, c)
	}
	began := time.Now()
	woken, err := bursts(list, *long)
	if err != nil {
		return nil, err
	}
	took := time.Since(began)
	for i := range list {
		now, err := countOf(list[i].PID)
		if err != nil {
			return nil, err
		}
		u := &list[i]
		u.Resident, u.Own = now.resident, now.own
		u.CPU = (time.Duration(now.ticks-before[i].ticks) * tick).Seconds() / took.Seconds()
		u.Wakes = float64(woken[i]) / took.Seconds()
		u.Sleeps = float64(now.sleeps-before[i].sleeps) / took.Seconds()
	}
	return list, nil
}

type count struct{ resident, own, ticks, sleeps int64 }

func countOf(pid int) (c count, err error) {
	proc := fmt.Sprintf("/proc/%d/", pid)
	of, err := fields(proc + "status")
	if err != nil {
		return c, err
	}
	c.resident, c.own = of["VmRSS"]<<10, of["RssAnon"]<<10
	stat, err := os.ReadFile(proc + "stat")
	if err != nil {
		return c, err
	}
	// The name, in brackets, may hold blanks.
	f := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	user, err1 := strconv.ParseInt(f[11], 10, 64)
	system, err2 := strconv.ParseInt(f[12], 10, 64)
	if err := errors.Join(err1, err2); err != nil {
		return c, err
	}
	c.ticks = user + system
	threads, err := filepath.Glob(proc + "task/*/status")
	if err != nil {
		return c, err
	}
	for _, t := range threads {
		of, err := fields(t)
		if err != nil {
			return c, err
		}
		c.sleeps += of["voluntary_ctxt_switches"]
	}
	return c, nil
}

// fields are the numbers of a status file of the kernel.
func fields(path string) (map[string]int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	of := map[string]int64{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		number, _, _ := strings.Cut(strings.TrimSpace(value), " ")
		if n, err := strconv.ParseInt(number, 10, 64); err == nil {
			of[name] = n
		}
	}
	return of, errors.Join(lines.Err(), f.Close())
}
