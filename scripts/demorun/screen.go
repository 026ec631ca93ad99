package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// screen tells the person what happens. On a terminal the line of a running
// step shows how long it takes; elsewhere each step is one line.
type screen struct {
	out  io.Writer
	live bool
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}

func (s screen) say(format string, args ...any) { fmt.Fprintf(s.out, format+"\n", args...) }

// done reports a finished step.
func (s screen) done(format string, args ...any) { s.say("✓ "+format, args...) }

// step runs something that may take a while; title says what, in the form of
// "starting the server". While it runs, its own words replace the seconds.
func (s screen) step(title string, run func(note func(string)) (string, error)) error {
	var mu sync.Mutex
	words := ""
	began := time.Now()
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		every := 10 * time.Second
		if s.live {
			every = 200 * time.Millisecond
		}
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			seconds := time.Since(began).Seconds()
			mu.Lock()
			note := words
			mu.Unlock()
			if note == "" {
				note = fmt.Sprintf("%.0f s", seconds)
			}
			switch {
			case !s.live:
				s.say("  … %s, %s", title, note)
			case seconds >= 1:
				fmt.Fprintf(s.out, "\r\x1b[K  … %s, %s", title, note)
			}
		}
	}()
	result, err := run(func(w string) {
		mu.Lock()
		defer mu.Unlock()
		words = w
	})
	close(stop)
	<-ended
	if s.live {
		fmt.Fprint(s.out, "\r\x1b[K")
	}
	if err != nil {
		return err
	}
	s.done("%s", result)
	return nil
}

// table prints rows in columns; the first is the header.
func (s screen) table(rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, cell := range r {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	for _, r := range rows {
		var b strings.Builder
		for i, cell := range r {
			b.WriteString("  " + cell + strings.Repeat(" ", widths[i]-len([]rune(cell))))
		}
		s.say("%s", strings.TrimRight(b.String(), " "))
	}
}

// size writes bytes for people.
func size(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1_000_000:
		return fmt.Sprintf("%.0f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}
