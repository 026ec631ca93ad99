package flow

// Show is all light of the box, from the state alone: so light and state can
// never disagree. The red recording light is not here: the code that opens
// microphone and camera drives it, and State.Live says when it must be on.
func Show(s State) Lamps {
	l := Lamps{Main: s.pattern(), Dim: s.Hushed(), Lit: s.lit()}
	return l
}

func (s State) pattern() Pattern {
	if s.Listening {
		return LightHalf
	}
	switch s.Phase {
	case Boot, Check, Sending, Recall, SelfTesting:
		return LightBusy
	case New, NewQuiet:
		return s.unlessDumb(LightBreathe)
	case Heard, Draft:
		return s.unlessDumb(LightBreatheS)
	case Playing:
		return LightHalf
	case Invite, RecReady, Empty, PhotoAsk, Review:
		return LightFull
	case PhotoCount, Sent:
		return LightDone // 1 Hz three times is the rhythm of the countdown as well
	case Recording:
		if s.Warned {
			return LightBusy
		}
		return LightVoice
	case Idle, Queued:
		if s.Celebrate && !s.Hushed() {
			return LightDone
		}
		if s.Phase == Queued {
			return s.unlessDumb(LightSaved)
		}
		return s.unlessDumb(LightOff)
	case MicFault:
		return LightHelp
	case Paused, Ended:
		return LightOff
	}
	return LightOff
}

// unlessDumb asks for help where the box cannot say what it wants (E_SPK).
func (s State) unlessDumb(p Pattern) Pattern {
	if s.NoSpeaker {
		return LightHelp
	}
	return p
}
