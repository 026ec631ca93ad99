package protocol

import (
	"errors"
	"fmt"
	"slices"
)

// Check reports what is wrong with a welcome. A box believes nothing of a
// server whose welcome does not pass. Settings have a Check of their own: a
// wrong one must not keep a box from its whispers.
func (w Welcome) Check() error {
	switch {
	case w.Version < 1:
		return errors.New("the welcome has no version")
	case !ValidID(w.Device):
		return errors.New("the welcome names no device")
	case w.ServerID == "" || !shortText(w.ServerID, 80):
		return errors.New("the welcome names no server")
	case w.ServerTime.IsZero():
		return errors.New("the welcome has no time")
	}
	return nil
}

// Check reports what is wrong with settings.
func (s Settings) Check() error {
	switch {
	case s.Version < 0:
		return errors.New("the settings have no version")
	case s.SendMode != SendGrace && s.SendMode != SendConfirm:
		return fmt.Errorf("the settings have the unknown send mode %.20q", s.SendMode)
	case !shortText(s.TimeZone, 80):
		return errors.New("the settings have an overlong time zone")
	case (s.QuietFrom == "") != (s.QuietUntil == ""), !clockTime(s.QuietFrom), !clockTime(s.QuietUntil):
		return errors.New("the settings' quiet hours make no sense")
	case s.Volume < 1 || s.Volume > 4:
		return fmt.Errorf("the settings' volume %d is not a step from 1 to 4", s.Volume)
	case !shortText(s.Language, 35):
		return errors.New("the settings have an overlong language")
	case s.Buttons < 0 || s.Buttons > 3:
		return fmt.Errorf("the settings have %d buttons", s.Buttons)
	case s.Clips != "" && !ValidDigest(s.Clips):
		return errors.New("the settings name no proper list of clips")
	}
	return nil
}

// clockTime reports "HH:MM" of a day, or nothing.
func clockTime(s string) bool {
	if s == "" {
		return true
	}
	if len(s) != 5 || s[2] != ':' {
		return false
	}
	for _, i := range []int{0, 1, 3, 4} {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s[:2] < "24" && s[3:] < "60"
}

// Check reports what is wrong with a reference to a hop.
func (r HopRef) Check() error {
	if !ValidID(r.Hop) || r.Epoch < 1 {
		return errors.New("the message names no hop")
	}
	return nil
}

// Check reports what is wrong with an acknowledgement.
func (a Ack) Check() error {
	if !validToken(a.ID) {
		return errors.New("the ack names no message")
	}
	return nil
}

// Check reports what is wrong with the answer to an enrolment.
func (r EnrollResponse) Check() error {
	switch {
	case !ValidID(r.Device):
		return errors.New("the answer names no device")
	case r.ServerID == "" || !shortText(r.ServerID, 80):
		return errors.New("the answer names no server")
	}
	if _, ok := CleanName(r.Name); !ok {
		return errors.New("the answer has no proper name")
	}
	return nil
}

// Check reports what is wrong with a page of offers as a page; each offer has
// a Check of its own, so that one bad offer does not hide the others.
func (p OffersPage) Check() error {
	switch {
	case p.Cursor == "" || !shortText(p.Cursor, 200):
		return errors.New("the page of offers has no cursor")
	case len(p.Offers) > MaxOffers:
		return fmt.Errorf("the page has %d offers, over the limit of %d", len(p.Offers), MaxOffers)
	case p.More && len(p.Offers) == 0:
		return errors.New("the page is empty and promises more")
	}
	return nil
}

// Check reports what is wrong with a receipt by itself; Proves compares it with
// what was sent.
func (r Receipt) Check() error {
	switch {
	case !ValidID(r.Reply), !ValidID(r.Hop), !ValidID(r.Whisper):
		return errors.New("the receipt names no reply")
	case !slices.Contains([]ReceiptState{ReplyAccepted, ReplyLate, ReplyTakenBack}, r.State):
		return fmt.Errorf("the receipt has the unknown state %.20q", r.State)
	case r.ReceivedAt.IsZero():
		return errors.New("the receipt has no time")
	case len(r.Files) == 0:
		return errors.New("the receipt lists no file")
	}
	for _, f := range r.Files {
		if err := f.Check(); err != nil {
			return err
		}
	}
	return nil
}

// Proves reports why the receipt is no proof that this reply to this hop is
// stored with every byte; nil means that it is one.
func (r Receipt) Proves(hop string, reply Reply) error {
	if err := r.Check(); err != nil {
		return err
	}
	if r.Reply != reply.ID || r.Hop != hop {
		return errors.New("the receipt is for another reply")
	}
	if len(r.Files) != len(reply.Files) {
		return fmt.Errorf("the receipt lists %d files of %d", len(r.Files), len(reply.Files))
	}
	for _, f := range reply.Files {
		if !slices.ContainsFunc(r.Files, func(g File) bool {
			return g.Role == f.Role && g.SHA256 == f.SHA256 && g.Size == f.Size
		}) {
			return fmt.Errorf("the receipt lacks the %s that was sent", f.Role)
		}
	}
	return nil
}
