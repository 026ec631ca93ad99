package model

import (
	"regexp"
	"strings"
	"time"

	"illumi/protocol"
)

// Bounds of a project's settings.
const (
	MaxDeadline     = 60 * 24 * time.Hour
	MaxTurnsPerWeek = 100
)

var clockTime = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`)

// Check reports what is wrong with settings, and tidies what people type.
func (s *ProjectSettings) Check() error {
	d := s.Deadlines
	for _, one := range []struct {
		field string
		d     time.Duration
	}{{"remind", d.Remind}, {"ask", d.Ask}, {"skip", d.Skip}} {
		if one.d != 0 && one.d < time.Minute || one.d < 0 || one.d > MaxDeadline {
			return RefuseField(one.field, "This deadline is too short or too long.", "Choose from one minute (0.02) to 1440 waking hours, or 0 for none.")
		}
	}
	switch {
	case d.Remind > 0 && d.Ask > 0 && d.Ask < d.Remind:
		return RefuseField("ask", "This comes before the reminder.", "Make it as long as the reminder, or longer.")
	case d.Skip > 0 && d.Skip < max(d.Remind, d.Ask):
		return RefuseField("skip", "This comes before you are asked.", "Make it the longest of the three.")
	case d.Mode != SkipAsk && d.Mode != SkipAuto:
		return RefuseField("mode", "This choice does not exist.", "Choose whether you are asked, or the turn is passed over.")
	case s.TurnsPerWeek < 0 || s.TurnsPerWeek > MaxTurnsPerWeek:
		return RefuseField("turns", "This number of turns is not possible.", "Choose 1 to 100, or 0 for no limit.")
	}
	if err := s.Hours.Check(); err != nil {
		return err
	}
	if s.SenderName = strings.TrimSpace(s.SenderName); s.SenderName != "" {
		name, ok := protocol.CleanName(s.SenderName)
		if !ok {
			return RefuseField("sender_name", "This name is too long or has characters that cannot be shown.", "Use at most 80 letters, on one line.")
		}
		s.SenderName = name
	}
	if s.ReplyTo = strings.TrimSpace(s.ReplyTo); s.ReplyTo != "" {
		address, err := CleanEmail(s.ReplyTo)
		if err != nil {
			return RefuseField("reply_to", "This is not an e-mail address.", "Write it like name@example.org, or leave it empty.")
		}
		s.ReplyTo = address
	}
	return nil
}

// Check reports what is wrong with waking hours; whether the zone exists is
// for others to say.
func (h Hours) Check() error {
	if !clockTime.MatchString(h.Wake) {
		return RefuseField("wake", "This is not a time of day.", "Write it like 08:00.")
	}
	if !clockTime.MatchString(h.Bed) {
		return RefuseField("bed", "This is not a time of day.", "Write it like 21:00.")
	}
	return nil
}
