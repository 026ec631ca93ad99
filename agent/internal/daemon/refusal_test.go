package daemon

import (
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"illumi/agent/internal/flow"
	"illumi/agent/internal/link"
	"illumi/protocol"
)

// lines is a log that counts.
type lines struct {
	mu   sync.Mutex
	text []string
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, string(p))
	return len(p), nil
}

func (l *lines) count(words string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.text {
		if strings.Contains(s, words) {
			n++
		}
	}
	return n
}

// One revocation is told once in the log, by status for as long as it lasts,
// across a restart, and no longer once the server welcomes the box.
func TestDaemon_RefusalIsTold(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "status.json")
	var log lines
	prepare := func(o *Options) {
		o.StatusFile = file
		o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	}
	no := &protocol.Problem{Status: 403, Code: protocol.CodeDeviceRevoked, Detail: "This box was removed.", Next: "Enrol it again."}
	refuse := link.Hint{Kind: link.Down, Err: &link.Refused{Problem: no}}
	report := func(when string, refused bool) Report {
		t.Helper()
		r, err := ReadReport(file)
		must(t, err)
		if (r.Refusal.Code == no.Code && r.Refusal.Text == no.Detail && !r.Refusal.Since.IsZero()) != refused {
			t.Errorf("%s: %+v", when, r)
		}
		return r
	}
	b := start(t, dir, s, prepare)
	b.online()
	b.tell(refuse)
	b.until("the refusal", func(s flow.State) bool { return !s.Online })
	b.d.onPullFailed(hopID(1), 1, no)
	b.tell(refuse) // an hour later
	b.stop()
	before := report("refused", true)
	if n := log.count("ERROR") + log.count("WARN"); n != 1 || log.count("refuses this box") != 1 {
		t.Errorf("one refusal gave %d lines: %q", n, log.text)
	}
	b = start(t, dir, s, func(o *Options) {
		prepare(o)
		o.Now = func() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) }
	})
	b.tell(refuse)
	b.stop()
	if after := report("after a restart", true); !after.Refusal.Since.Equal(before.Refusal.Since) {
		t.Errorf("since %v, then since %v", before.Refusal.Since, after.Refusal.Since)
	}
	b = start(t, dir, s, prepare)
	b.online()
	b.stop()
	report("welcome again", false)
}

// Whoever tries a box at night may say that it is none.
func TestDaemon_QuietHoursForTryingOut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		hours *Hours
		quiet bool
	}{{"as the settings say", nil, true}, {"none", &Hours{}, false}, {"others", &Hours{"10:00", "13:00"}, true}, {"later", &Hours{"13:00", "14:00"}, false}} {
		s := newServer(t)
		b := start(t, t.TempDir(), s, func(o *Options) {
			o.Quiet = c.hours
			o.Settings = Workshop()
			o.Settings.QuietFrom, o.Settings.QuietUntil = "09:00", "15:00"
		})
		b.online()
		now := b.until("a word", func(flow.State) bool { return true }).Quiet
		b.stop()
		if b.first.Quiet != c.quiet || now != c.quiet {
			t.Errorf("%s: quiet is %t at the start and %t later", c.name, b.first.Quiet, now)
		}
	}
}
