package panel

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

var start = time.Unix(1000, 0)

// feed gives levels at times in ms to a Debounce whose owner calls Settle when
// it is due (late says by how many ms), and writes down what comes out.
func feed(late int, levels ...int) string {
	var (
		d   Debounce
		out []string
	)
	note := func(c Input, ok bool) {
		if ok {
			out = append(out, fmt.Sprintf("%v@%d", map[bool]string{true: "down", false: "up"}[c.Down], c.At.Sub(start).Milliseconds()))
		}
	}
	settle := func(until time.Time) {
		if due, ok := d.Due(); ok && !due.Add(time.Duration(late)*ms).After(until) {
			note(d.Settle(due.Add(time.Duration(late) * ms)))
		}
	}
	for i, at := range levels {
		now := start.Add(time.Duration(at) * ms)
		settle(now)
		note(d.Level(i%2 == 0, now))
	}
	settle(start.Add(time.Hour))
	return strings.Join(out, " ")
}

func TestDebounce(t *testing.T) {
	for _, c := range []struct {
		name   string
		late   int
		levels []int // down, up, down …, in ms
		want   string
	}{
		{"clean", 0, []int{0, 200}, "down@30 up@230"},
		{"bounces at both ends", 0, []int{0, 3, 5, 9, 12, 200, 202, 207, 209, 210, 211, 215}, "down@42 up@245"},
		{"a spike is nothing", 0, []int{0, 29}, ""},
		{"as short as can be", 0, []int{0, 30}, "down@30 up@60"},
		{"a gap while held is nothing", 0, []int{0, 100, 125, 400}, "down@30 up@430"},
		{"chatter for ever is nothing", 0, []int{0, 20, 40, 60, 80, 100}, ""},
		{"held for long", 0, []int{0, 5000}, "down@30 up@5030"},
		{"twice in 200 ms", 0, []int{0, 80, 200, 280}, "down@30 up@110 down@230 up@310"},
		{"asked too late", 500, []int{0, 200}, "down@30 up@230"},
	} {
		if got := feed(c.late, c.levels...); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// Whatever a switch does, presses and releases alternate, in order of time, no
// closer than Stable, and it ends as the switch does.
func FuzzDebounce(f *testing.F) {
	f.Add([]byte{0, 3, 2, 200, 5, 5, 31, 30, 29})
	f.Add([]byte{255, 1, 255, 1})
	f.Fuzz(func(t *testing.T, gaps []byte) {
		var (
			d     Debounce
			now   = start
			last  Input
			level bool
		)
		see := func(c Input, ok bool) {
			if !ok {
				return
			}
			if c.Down == last.Down {
				t.Fatalf("%v twice", c.Down)
			}
			if !last.At.IsZero() && c.At.Sub(last.At) < Stable {
				t.Fatalf("%v after %v", c, last)
			}
			if c.At.After(now) {
				t.Fatal("a change from the future")
			}
			last = c
		}
		for _, g := range gaps {
			now = now.Add(time.Duration(g) * ms)
			level = !level
			if g%3 == 0 {
				see(d.Settle(now))
			}
			see(d.Level(level, now))
		}
		now = now.Add(time.Second)
		see(d.Settle(now))
		if last.Down != level {
			t.Fatalf("switch is %v, believed %v", level, last.Down)
		}
		if _, ok := d.Due(); ok {
			t.Fatal("something is due after a second of rest")
		}
	})
}
