package protocol

import (
	"errors"
	"fmt"
	"slices"
)

// Check reports what is wrong with a hello.
func (h Hello) Check() error {
	switch {
	case h.Version < 1:
		return errors.New("the hello has no version")
	case !shortText(h.Agent, 80), !shortText(h.BootID, 80):
		return errors.New("the hello has an overlong text")
	}
	return h.Capabilities.Check()
}

// Check reports what is wrong with capabilities.
func (c Capabilities) Check() error {
	if c.Buttons < 0 || c.Buttons > 3 || !shortText(c.Audio, 80) {
		return errors.New("the capabilities make no sense")
	}
	return nil
}

// Check reports what is wrong with a progress message.
func (p Progress) Check() error {
	if !ValidID(p.Hop) || p.Epoch < 1 || p.Take < 0 {
		return errors.New("the progress names no hop")
	}
	return nil
}

// Check reports what is wrong with a status.
func (s Status) Check() error {
	if !shortText(s.State, 40) || s.Waiting < 0 || s.Unsent < 0 || s.Uptime < 0 {
		return errors.New("the status makes no sense")
	}
	if s.InForce != nil {
		if err := s.InForce.Check(); err != nil {
			return err
		}
	}
	if s.Health != nil {
		return s.Health.Check()
	}
	return nil
}

// Check reports what is wrong with an enrolment, its code aside.
func (r EnrollRequest) Check() error {
	switch {
	case !ValidSecret(r.Secret):
		return errors.New("the box made no proper secret")
	case !shortText(r.BoardModel, 120), !shortText(r.BoardSerial, 120), !shortText(r.Agent, 80):
		return errors.New("the enrolment has an overlong text")
	case r.Version < 1:
		return errors.New("the enrolment has no version")
	}
	return r.Capabilities.Check()
}

// Check reports what is wrong with a reply.
func (r Reply) Check() error {
	switch {
	case !ValidID(r.ID):
		return errors.New("the reply has no proper id")
	case r.Epoch < 1 || r.Take < 1 || r.Facts.Takes < 0 || r.Facts.Plays < 0 || r.Facts.DurationMS < 0 || r.Facts.ToneEndMS < 0:
		return errors.New("the reply's numbers make no sense")
	case !shortText(r.Facts.BootID, 80), !shortText(r.Facts.Photo, 20), !shortText(r.Facts.SentBy, 20):
		return errors.New("the reply has an overlong text")
	}
	var audio, image int
	for _, f := range r.Files {
		if err := f.Check(); err != nil {
			return err
		}
		if !shortText(f.Upload, 120) || f.Upload == "" {
			return errors.New("a file of the reply names no upload")
		}
		switch f.Role {
		case RoleAudio:
			audio++
		case RoleImage:
			image++
		}
	}
	if audio != 1 || image > 1 {
		return errors.New("a reply is one recording and at most one image")
	}
	return nil
}

// Check reports what is wrong with a file's description.
func (f File) Check() error {
	var limit int64
	switch f.Role {
	case RoleAudio:
		limit = MaxAudioBytes
	case RoleImage:
		limit = MaxImageBytes
	default:
		return fmt.Errorf("a file has the unknown role %.20q", f.Role)
	}
	switch {
	case !ValidDigest(f.SHA256):
		return errors.New("a file has no proper digest")
	case f.Size < 1 || f.Size > limit:
		return fmt.Errorf("a file of %d bytes is outside the limit of %d", f.Size, limit)
	case f.Encoding != EncodingPlain:
		return fmt.Errorf("a file has the unknown encoding %.20q", f.Encoding)
	case !shortText(f.Type, 80):
		return errors.New("a file has an overlong type")
	}
	return nil
}

// Check reports what is wrong with an offer.
func (o Offer) Check() error {
	switch {
	case !ValidID(o.Hop), !ValidID(o.Whisper):
		return errors.New("the offer names no hop")
	case o.Position < 1, o.Epoch < 1, o.Epoch > MaxEpoch, o.RecallSeconds < 0, o.RecallSeconds > MaxRecallSeconds:
		return errors.New("the offer's numbers make no sense")
	case !slices.Contains([]OfferState{OfferOpen, OfferWithdrawn, OfferAnswered}, o.State):
		return fmt.Errorf("the offer has the unknown state %.20q", o.State)
	case o.SendMode != SendGrace && o.SendMode != SendConfirm:
		return fmt.Errorf("the offer has the unknown send mode %.20q", o.SendMode)
	}
	for _, f := range o.Files {
		if err := f.Check(); err != nil {
			return err
		}
	}
	if o.State == OfferOpen && !slices.ContainsFunc(o.Files, func(f File) bool { return f.Role == RoleAudio }) {
		return errors.New("the offer has no recording")
	}
	return nil
}

// shortText reports printable text of at most n bytes; empty is fine.
func shortText(s string, n int) bool {
	if len(s) > n {
		return false
	}
	for _, r := range s {
		if r < ' ' || r == 0x7f || r == 0xfffd {
			return false
		}
	}
	return true
}
