package relay

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"illumi/server/internal/model"
	"illumi/server/internal/store"
)

// digestHour is when digests go out, by the project's clock.
const digestHour = 8

// maxDigestLines bounds a digest; the rest is on the page.
const maxDigestLines = 40

// Digested says for which day each project's digest was seen to, so that a
// round costs nothing for those that were. The mails' keys are the truth.
type Digested map[string]string

// TellDigests sends each project that wants one the digest of its last day, if
// anything moved in it, once it is eight o'clock there.
func (s *Service) TellDigests(ctx context.Context, sent Digested) error {
	var failed []error
	for after := ""; ; {
		var page []store.ProjectRow
		err := s.db.View(ctx, func(tx *store.Tx) (err error) {
			page, err = tx.AllProjects(ctx, store.MaxPage, after)
			return err
		})
		if err != nil {
			return errors.Join(append(failed, err)...)
		}
		for _, p := range page {
			after = p.ID
			until, day := digestTime(p.Project, s.now())
			if !p.Settings.Digest || until.IsZero() || sent[p.ID] == day {
				continue
			}
			if err := s.digest(ctx, p.ID, until, day); err != nil {
				failed = append(failed, fmt.Errorf("relay: digest of project %s: %w", p.ID, err))
				continue
			}
			sent[p.ID] = day
		}
		if len(page) < store.MaxPage {
			return errors.Join(failed...)
		}
	}
}

// digestTime is eight o'clock today by the project's clock, and the day's name;
// zero before that.
func digestTime(p model.Project, now time.Time) (time.Time, string) {
	zone, err := time.LoadLocation(p.Settings.Hours.Zone)
	if err != nil {
		zone = time.UTC // a zone that this machine does not know
	}
	local := now.In(zone)
	until := time.Date(local.Year(), local.Month(), local.Day(), digestHour, 0, 0, 0, zone)
	if now.Before(until) {
		return time.Time{}, ""
	}
	return until, until.Format(time.DateOnly)
}

func (s *Service) digest(ctx context.Context, project string, until time.Time, day string) error {
	return s.do(ctx, func(w *work) error {
		p, err := w.Project(ctx, project)
		if err != nil {
			return err
		}
		moved, err := movedIn(ctx, w, project, until.AddDate(0, 0, -1), until)
		if err != nil || len(moved) == 0 {
			return err
		}
		n := News{Project: p, Since: until, Link: "/projects/" + project}
		for _, m := range moved {
			n.Count += m.all()
			if len(n.Lines) == maxDigestLines {
				continue
			}
			line, err := m.line(ctx, w)
			if err != nil {
				return err
			}
			n.Lines = append(n.Lines, line)
		}
		if more := len(moved) - len(n.Lines); more > 0 {
			n.Lines = append(n.Lines, fmt.Sprintf("And %d more: see the project's page.", more))
		}
		return s.tellProject(ctx, w, MailDigest, "digest:"+project+":"+day, n)
	})
}

// movement is what happened to one whisper in a day.
type movement struct {
	whisper                                string
	started, answers, late, skipped, ended int
}

func (m *movement) all() int { return m.started + m.answers + m.late + m.skipped + m.ended }

func (m *movement) note(kind string) {
	switch {
	case kind == "started":
		m.started++
	case kind == "received":
		m.answers++
	case kind == "late":
		m.late++
	case strings.HasPrefix(kind, "skipped"):
		m.skipped++
	case kind == "complete" || kind == "ended":
		m.ended++
	}
}

// movedIn reads a project's history backwards through a day, and gives what
// moved by whisper, the last moved first.
func movedIn(ctx context.Context, w *work, project string, from, until time.Time) ([]*movement, error) {
	var order []*movement
	byID := map[string]*movement{}
	for before := int64(0); ; {
		events, err := w.EventsOfProjectBefore(ctx, project, before, store.MaxPage)
		if err != nil {
			return nil, err
		}
		for _, e := range events {
			before = e.Seq
			if e.At.Before(from) {
				return moving(order), nil
			}
			if e.WhisperID == "" || !e.At.Before(until) {
				continue
			}
			m := byID[e.WhisperID]
			if m == nil {
				m = &movement{whisper: e.WhisperID}
				byID[e.WhisperID], order = m, append(order, m)
			}
			m.note(e.Kind)
		}
		if len(events) < store.MaxPage {
			return moving(order), nil
		}
	}
}

func moving(all []*movement) []*movement {
	var moved []*movement
	for _, m := range all {
		if m.all() > 0 {
			moved = append(moved, m)
		}
	}
	return moved
}

// line tells a whisper's day in a sentence: what came, and how it stands.
func (m *movement) line(ctx context.Context, w *work) (string, error) {
	wh, err := w.Whisper(ctx, m.whisper)
	if err != nil {
		return "", err
	}
	var parts []string
	if m.started > 0 {
		parts = append(parts, "set out")
	}
	for _, c := range []struct {
		n         int
		one, many string
	}{{m.answers, "answer", "answers"}, {m.late, "late answer", "late answers"}, {m.skipped, "skipped turn", "skipped turns"}} {
		switch {
		case c.n == 1:
			parts = append(parts, "1 "+c.one)
		case c.n > 1:
			parts = append(parts, fmt.Sprintf("%d %s", c.n, c.many))
		}
	}
	stand, err := standing(ctx, w, wh)
	if stand != "" {
		parts = append(parts, stand)
	}
	return wh.Title + ": " + strings.Join(parts, ", ") + ".", err
}

// standing says how a whisper is now.
func standing(ctx context.Context, w *work, wh model.Whisper) (string, error) {
	switch wh.State {
	case model.WhisperComplete:
		return "complete", nil
	case model.WhisperEnded:
		return "ended early", nil
	case model.WhisperPaused:
		return "paused", nil
	}
	for _, h := range wh.Hops {
		if !h.State.AtBox() {
			continue
		}
		d, err := w.Device(ctx, h.DeviceID)
		return "now with " + d.Name, err
	}
	return "", nil
}
