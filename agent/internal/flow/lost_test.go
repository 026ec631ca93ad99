package flow

import "testing"

// TestLostReply has every row of E_REPLY: a reply that was saved and cannot go.
func TestLostReply(t *testing.T) {
	const told = toSendNow + "; sealed; "
	for _, r := range []row{
		{"QUEUED damaged", toQueue, "reply-damaged whisper", New, "report E_REPLY, sound arrive", LightBreathe},
		{"QUEUED damaged, announced", toQueue + "; config announce", "reply-damaged whisper", New, "report E_REPLY, sound arrive, say again", LightBreathe},
		{"NEW damaged, then played", toQueue + "; reply-damaged whisper; ended", "press", Playing, "progress heard, say again, say here_is, play-whisper h1", LightHalf},
		{"QUEUED damaged at night", toQueue + "; quiet-on", "reply-damaged whisper", NewQuiet, "report E_REPLY", LightBreathe},
		{"QUEUED damaged, whisper gone", toQueue, "reply-damaged", Idle, "report E_REPLY", LightOff},
		{"QUEUED damaged while it speaks", toQueue + "; press", "reply-damaged whisper", New, "report E_REPLY, stop, sound arrive", LightBreathe},
		{"QUEUED refused", toQueue, "reply-refused", Idle, "report E_REPLY", LightOff},
		{"IDLE refused twice", toQueue + "; reply-refused", "reply-refused", Idle, "", LightOff},
		{"NEW damaged behind it", toQueue + "; msg h2; ended", "reply-damaged whisper", New, "report E_REPLY", LightBreathe},
		{"PAUSED damaged", toQueue + "; pause", "reply-damaged whisper", Paused, "report E_REPLY", LightOff},
		{"NEW damaged in the pause", toQueue + "; pause; reply-damaged whisper; resume", "ended", New, "", LightBreathe},
		{"SENDING damaged", told, "reply-damaged whisper", New, "report E_REPLY, say again", LightBreathe},
		{"SENDING damaged at night", told + "quiet-on", "reply-damaged whisper", NewQuiet, "report E_REPLY, say again", LightBreathe},
		{"SENDING damaged, whisper gone", told, "reply-damaged", Idle, "report E_REPLY, say idle_offline", LightOff},
		{"SENDING refused", told, "reply-refused", Idle, "report E_REPLY, say queued", LightOff},
		{"SENDING refused, another waits", told + "msg h2", "reply-refused", New, "report E_REPLY, say queued, sound arrive", LightBreathe},
		{"SENDING of something else", toSendNow, "reply-damaged", Sending, "", LightBusy},
		{"SENT stays", toSentNow, "reply-damaged", Sent, "", LightDone},
		{"ENDED stays", toQueue + "; end", "reply-damaged whisper", Ended, "", LightOff},
	} {
		t.Run(r.name, r.test)
	}
}

// After a power cut: the damage is found before anybody is told.
func TestLostReply_FoundAtTheStart(t *testing.T) {
	for _, way := range []string{toQueue, toSendNow + "; sealed"} {
		h := newHand(t).do(way)
		saved := h.s
		boot := func(saved State, again bool) State {
			s, _, err := Start(h.conf)
			if err != nil {
				t.Fatal(err)
			}
			e := Event{Kind: KindBoot, Boot: &Facts{Saved: &saved, Online: true, Turns: []Turn{{Hop: "h1", Epoch: 1, Again: again}}}}
			next, fx := Step(s, e)
			if err := check(s, next, e, fx); err != nil {
				t.Fatal(err)
			}
			return next
		}
		s := boot(saved, true)
		if s.Turn.Hop != "h1" || !s.Turn.Again || s.Turn.Asked || len(s.Unsent) != 0 || s.Reply != "" {
			t.Errorf("%s: in hand %+v", s.Phase, s.Turn)
		}
		s.Turn.Asked = true
		if s = boot(s, true); !s.Turn.Asked {
			t.Error("asked twice")
		}
	}
}
