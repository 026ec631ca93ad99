package flow

// This file has the rows PHOTO_ASK, PHOTO_COUNT, REVIEW and DRAFT.

func (m *move) toPhotoAsk() {
	m.enter(PhotoAsk)
	m.ask(m.s.words(SayPhotoAsk, Say2Photo, Say3Photo))
}

// toPhotoCount opens the camera, and so the red light, for the whole countdown:
// nobody is photographed by surprise.
func (m *move) toPhotoCount() {
	s := &m.s
	m.hush()
	m.enter(PhotoCount)
	s.Camera = true
	s.Waiting = m.seq()
	m.do(Effect{Do: OpenCamera, Seq: s.Waiting, Hop: s.Turn.Hop, Take: s.Take.N})
	m.arm(TimerPhase, photoWait)
	m.say(SayPhotoCount)
	for range 3 {
		m.sound(ToneTick)
	}
}

func (m *move) photographed() {
	s := &m.s
	if s.Phase != PhotoCount || m.e.Seq != s.Waiting {
		return
	}
	switch m.e.Kind {
	case KindPhotoOK:
		m.closeCamera()
		m.do(Effect{Do: KeepTake, Hop: s.Turn.Hop, Take: s.Take.N, Photo: PhotoTaken})
		s.Take.Photo = PhotoTaken
		m.say(SayPhotoDone)
		m.toReview()
	case KindPhotoDark:
		m.photoFailed(PhotoDark, SayCamDark)
	case KindPhotoFailed:
		m.photoFailed(PhotoFailed, SayCamNone)
	}
}

// photoFailed goes on without a photo (E_CAM).
func (m *move) photoFailed(outcome string, why Prompt) {
	m.closeCamera()
	m.do(Effect{Do: ErasePhoto, Hop: m.s.Turn.Hop, Take: m.s.Take.N})
	m.do(Effect{Do: Report, Code: CodeCamera, Hop: m.s.Turn.Hop, Seq: m.seq()})
	m.hush()
	m.say(why)
	m.noPhoto(outcome)
}

// cancelPhoto closes the camera and forgets what it may have seen.
func (m *move) cancelPhoto() {
	m.closeCamera()
	m.do(Effect{Do: ErasePhoto, Hop: m.s.Turn.Hop, Take: m.s.Take.N})
	m.hush()
	m.noPhoto(PhotoDeclined)
}

// declinePhoto is the button that says so, where there is one.
func (m *move) declinePhoto() {
	m.hush()
	m.noPhoto(PhotoDeclined)
}

func (m *move) noPhoto(outcome string) {
	m.s.Take.Photo = outcome
	m.toReview()
}

// toReview asks about the take in hand. Nobody who cannot hear the question is
// asked.
func (m *move) toReview() {
	if m.s.NoSpeaker {
		m.toDraft()
		return
	}
	m.enter(Review)
	m.s.Confirm = m.s.reviewConfirms()
	m.ask(m.reviewPrompt())
}

func (m *move) reviewPrompt() Prompt {
	if m.s.Confirm {
		return m.s.words(SayReviewConfirm, Say2Review, Say3Review)
	}
	return SayReviewGrace
}

// reviewAsked starts the waiting when the question has been heard, so that a
// slow prompt takes nothing from the citizen's time (P8).
func (m *move) reviewAsked() {
	if m.s.Confirm {
		m.arm(TimerAgain, confirmAgain)
		m.arm(TimerPhase, m.s.Config.Timers.Confirm)
		return
	}
	m.arm(TimerAgain, graceAgain)
	m.arm(TimerPhase, m.s.Config.Timers.Grace)
}

// toDraft keeps the take on the box until somebody presses, or T_DRAFT_KEEP.
func (m *move) toDraft() {
	m.blank()
	m.enter(Draft)
	if !m.running(TimerKeep) {
		m.arm(TimerKeep, m.s.Config.Timers.DraftKeep)
	}
}

// listenToDraft plays the citizen's own take; a second press, when it is no
// echo any more, goes straight to the question.
func (m *move) listenToDraft() {
	s := &m.s
	if s.NoSpeaker {
		return
	}
	if s.Listening {
		if m.e.At >= s.Since+playGuard {
			m.hush()
			m.toReview()
		}
		return
	}
	m.playOwn(Effect{Do: PlayTake, Hop: s.Turn.Hop, Take: s.Take.N})
}

// listenToOwn is LISTEN once there is an answer: the citizen's own take, or
// what was sealed of it, from the start.
func (m *move) listenToOwn() {
	s := &m.s
	switch {
	case s.NoSpeaker:
	case s.Take.N != 0:
		m.disarm(TimerPhase, TimerAgain) // the question waits until they have listened
		m.playOwn(Effect{Do: PlayTake, Hop: s.Turn.Hop, Take: s.Take.N})
	case s.Phase == Sent && s.Reply != "":
		s.Asking = false
		m.disarm(TimerAgain)
		m.playOwn(Effect{Do: PlayReply, Hop: s.Turn.Hop, Reply: s.Reply})
	case s.Phase == Queued && len(s.Unsent) > 0:
		u := s.Unsent[len(s.Unsent)-1]
		m.playOwn(Effect{Do: PlayReply, Hop: u.Hop, Reply: u.Reply})
	default:
		m.thankAgain()
	}
}

func (m *move) playOwn(f Effect) {
	m.hush()
	m.s.Listening, m.s.Since, m.s.Guard = true, m.e.At, m.e.At+guard
	m.hear(f, m.s.Config.Timers.RecMax+promptMax)
}
