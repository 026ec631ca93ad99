package flow

// This file says what an accepted press does: the cells "BTN1" of people.md
// 2.2 (a), "B1", "B2" of 2.3 and "B1" to "B3" of 2.4. What is not here is
// ignored: BOOT, REC_READY, CHECK, SENDING, RECALL, SELF_TEST.

// tables have the cells by the number of buttons of a box.
var tables = map[int]func(*move, Button){1: oneButton, 2: twoButtons, 3: threeButtons}

// everywhere are the cells that are the same on each button of each box.
func everywhere(m *move) bool {
	switch m.s.Phase {
	case Idle:
		m.reassure()
		m.holdForTest()
	case Paused:
		m.answer(SayPaused)
	case Ended:
		m.answer(SayEnded)
	case MicFault:
		m.micExcuse()
	default:
		return false
	}
	return true
}

// oneButton is people.md 2.2 (a).
func oneButton(m *move, _ Button) {
	if everywhere(m) {
		return
	}
	switch m.s.Phase {
	case New, NewQuiet, Heard:
		m.toPlaying()
	case Playing:
		m.stopPlaying()
	case Invite, Empty:
		m.record()
	case Recording:
		m.stopByPress()
	case PhotoAsk:
		m.toPhotoCount()
	case PhotoCount:
		m.cancelPhoto()
	case Review:
		if m.s.Confirm {
			m.toSending(SentByPress)
		} else {
			m.record()
		}
	case Draft:
		m.listenToDraft()
	case Sent:
		m.askRecall()
	case Queued:
		m.queuedStatus()
	}
}

// twoButtons is people.md 2.3 (b): GO and BACK.
func twoButtons(m *move, b Button) {
	switch {
	case everywhere(m):
	case b == Main:
		goOn(m)
	default:
		goBack(m)
	}
}

func goOn(m *move) {
	switch m.s.Phase {
	case New, NewQuiet, Heard:
		m.toPlaying()
	case Playing:
		m.stopPlaying()
	case Invite, Empty:
		m.record()
	case Recording:
		m.stopByPress()
	case PhotoAsk:
		m.toPhotoCount()
	case Review, Draft:
		m.sendNow()
	case Sent:
		m.thankAgain()
	case Queued:
		m.queuedStatus()
	}
}

func goBack(m *move) {
	switch m.s.Phase {
	case New, NewQuiet, Heard, Playing, Invite, Empty:
		m.toPlaying()
	case Recording:
		m.redo()
	case PhotoAsk:
		m.declinePhoto()
	case PhotoCount:
		m.cancelPhoto()
	case Review, Draft:
		m.record()
	case Sent:
		m.recallAtOnce()
	case Queued:
		m.unsend()
	}
}

// threeButtons is people.md 2.4 (c): LISTEN, SPEAK and SEND.
func threeButtons(m *move, b Button) {
	switch {
	case everywhere(m):
	case b == Main:
		listen(m)
	case b == Second:
		speak(m)
	default:
		send(m)
	}
}

func listen(m *move) {
	switch m.s.Phase {
	case New, NewQuiet, Heard, Playing, Invite, Empty:
		m.toPlaying()
	case PhotoCount:
		m.cancelPhoto()
	case Review, Draft, Sent, Queued:
		m.listenToOwn()
	}
}

func speak(m *move) {
	switch m.s.Phase {
	case New, NewQuiet:
		m.listenFirst()
	case Playing:
		m.speakInstead()
	case Invite, Heard, Empty, Review, Draft:
		m.record()
	case Recording:
		m.stopByPress()
	case PhotoAsk:
		m.toPhotoCount()
	case Sent:
		m.askRecall()
	case Queued:
		m.unsend()
	}
}

func send(m *move) {
	switch m.s.Phase {
	case New, NewQuiet, Playing, Invite, Heard, Empty:
		m.noMeaning()
	case Recording:
		m.stopByPress() // and never sends by itself
	case PhotoAsk:
		m.declinePhoto()
	case PhotoCount:
		m.cancelPhoto()
	case Review, Draft:
		m.sendNow()
	case Sent:
		m.thankAgain()
	case Queued:
		m.queuedStatus()
	}
}

// noMeaning answers a button that has nothing to do here. A whisper cannot be
// spoken into, and the box cannot go on in its middle: it begins anew.
func (m *move) noMeaning() {
	s := &m.s
	if s.NoSpeaker || s.Phase == Playing && m.e.At < s.Since+playGuard {
		return
	}
	m.hush()
	m.sound(ToneTick)
	m.say(SayLit)
	if s.Phase == Playing {
		s.Since = m.e.At
		s.Turn.Plays++
		m.hear(Effect{Do: PlayWhisper, Hop: s.Turn.Hop}, whisperMax)
	}
}

// listenFirst answers SPEAK before the whisper was heard.
func (m *move) listenFirst() {
	if !m.s.NoSpeaker {
		m.answer(Say3First)
	}
}

// words picks the sentence that names the buttons of this box.
func (s State) words(one, two, three Prompt) Prompt {
	switch s.Config.Buttons {
	case 2:
		return two
	case 3:
		return three
	}
	return one
}

// lit says which buttons offer an action, that is, more than a word of
// reassurance: the column "Lit" of people.md 2.4, and its rule for the others.
func (s State) lit() [3]bool {
	if s.NoSpeaker && s.Phase != Recording {
		return [3]bool{} // nothing could be heard, so nothing is offered
	}
	switch s.Config.Buttons {
	case 2:
		return s.litTwo()
	case 3:
		return s.litThree()
	}
	switch s.Phase {
	case New, NewQuiet, Heard, Draft, Playing, Invite, Recording, Empty, PhotoAsk, PhotoCount, Review:
		return [3]bool{true}
	case Sent:
		return [3]bool{s.recallFor() > 0}
	}
	return [3]bool{}
}

func (s State) litTwo() [3]bool {
	switch s.Phase {
	case New, NewQuiet, Heard, Playing, Invite, Recording, Empty, PhotoAsk, Review, Draft:
		return [3]bool{true, true}
	case PhotoCount, Queued:
		return [3]bool{false, true}
	case Sent:
		return [3]bool{false, s.recallFor() > 0}
	}
	return [3]bool{}
}

func (s State) litThree() [3]bool {
	switch s.Phase {
	case New, NewQuiet:
		return [3]bool{true}
	case Playing, Invite, Heard, Empty, Queued:
		return [3]bool{true, true}
	case Recording:
		return [3]bool{false, true}
	case PhotoAsk:
		return [3]bool{false, true, true}
	case PhotoCount:
		return [3]bool{true, false, true}
	case Review, Draft:
		return [3]bool{true, true, true}
	case Sent:
		return [3]bool{s.Reply != "", s.recallFor() > 0}
	}
	return [3]bool{}
}
