package flow

import (
	"fmt"
	"testing"
)

// Ways on a box with two buttons: GO is the button of the others.
const (
	two     = "config buttons=2; "
	goSend  = two + toReviewing + "; press"
	goSent  = goSend + "; sealed; ack; ended"
	goQueue = two + toReviewing + "; press; sealed; net-down; ended"
	goDraft = two + toReviewing + "; timer phase"
)

// TestTable23 has every row of people.md 2.3 (b), in its order: GO is "press",
// BACK is "press 2".
func TestTable23(t *testing.T) {
	for _, r := range []row{
		{"IDLE GO", two + toIdle, "press", Idle, "say idle_ok", LightOff},
		{"IDLE BACK", two + toIdle, "press 2", Idle, "say idle_ok", LightOff},

		{"NEW GO", two + toNewHop, "press", Playing, "progress heard, say here_is, play-whisper h1", LightHalf},
		{"NEW BACK", two + toNewHop, "press 2", Playing, "progress heard, say here_is, play-whisper h1", LightHalf},
		{"NEW_QUIET BACK", two + "boot quiet; msg h1", "press 2", Playing, "progress heard, say here_is, play-whisper h1", LightHalf},
		{"HEARD GO", two + toWaiting, "press", Playing, "say here_is, play-whisper h1", LightHalf},
		{"HEARD BACK", two + toWaiting, "press 2", Playing, "say here_is, play-whisper h1", LightHalf},

		{"PLAYING GO first 3 s", two + toPlay, "wait 1500ms; press", Playing, "", LightHalf},
		{"PLAYING GO", two + toPlay, "wait 3s; press", Invite, "stop, say 2_invite", LightFull},
		{"PLAYING BACK", two + toPlay, "press 2", Playing, "stop, say here_is, play-whisper h1", LightHalf},
		{"PLAYING BACK, picture stays", two + "boot; msg h1 picture; ended; press", "press 2", Playing, "stop, say here_is, play-whisper h1", LightHalf},
		{"PLAYING no press", two + toPlay, "ended", Invite, "say 2_invite", LightFull},

		{"INVITE GO", two + toInvited, "press", RecReady, "say 2_rec", LightFull},
		{"INVITE BACK", two + toInvited, "press 2", Playing, "say here_is, play-whisper h1", LightHalf},
		{"INVITE again", two + toInvited, "timer again", Invite, "say 2_invite", LightFull},
		{"INVITE no press", two + toInvited, "timer phase", Heard, "", LightBreatheS},

		{"REC_READY GO ignored", two + toReady, "press", RecReady, "", LightFull},
		{"REC_READY BACK ignored", two + toReady, "press 2", RecReady, "", LightFull},
		{"RECORDING GO", two + toRecord, "wait 1s; press", Check, "close-mic, check-speech 1, sound stop", LightBusy},
		{"RECORDING BACK before T_REC_MIN", two + toRecord, "wait 300ms; press 2", Recording, "", LightVoice},
		{"RECORDING BACK", two + toRecord, "wait 5s; press 2", RecReady, "close-mic, keep-take 1, sound stop, say 2_rec", LightFull},
		{"RECORDING hold GO", two + toReady + "; ended; mic-opened; wait 500ms; press hold; ended", "wait 5s; release", Check,
			"close-mic, check-speech 1, sound stop", LightBusy},
		{"RECORDING hold BACK is no hold-to-talk", two + toReady + "; ended; mic-opened; wait 500ms; press hold 2; ended", "wait 5s; release 2", Recording, "", LightVoice},
		{"RECORDING no press", two + toRecord, "timer phase", Check, "close-mic, check-speech 1, say rec_full", LightBusy},
		{"RECORDING BACK on a full disk", two + toRecord + "; wait 5s; disk-low", "press 2", Draft, "close-mic, keep-take 1, make-room, say full_ring", LightBreatheS},
		{"CHECK BACK ignored", two + toChecked, "press 2", Check, "", LightBusy},

		{"EMPTY GO", two + toEmptied, "press", RecReady, "say 2_rec", LightFull},
		{"EMPTY BACK", two + toEmptied, "press 2", Playing, "say here_is, play-whisper h1", LightHalf},
		{"EMPTY no press", two + toEmptied, "timer phase", Heard, "", LightBreatheS},

		{"CHECK then 2_photo", two + toChecked, "speech", PhotoAsk, "keep-take 1, say 2_photo", LightFull},
		{"PHOTO_ASK GO", two + toAsked, "press", PhotoCount, "open-camera 1, say photo_count, sound tick, sound tick, sound tick", LightDone},
		{"PHOTO_ASK BACK", two + toAsked, "press 2", Review, "say 2_review", LightFull},
		{"PHOTO_ASK BACK before the prompt has ended", two + toChecked + "; speech", "press 2", PhotoAsk, "", LightFull},
		{"PHOTO_COUNT GO ignored", two + toCount, "press", PhotoCount, "", LightDone},
		{"PHOTO_COUNT BACK", two + toCount, "press 2", Review, "close-camera, erase-photo 1, stop, say 2_review", LightFull},
		{"PHOTO_ASK no press", two + toAsked, "timer phase", Review, "say 2_review", LightFull},

		{"REVIEW GO", two + toReviewing, "press", Sending, "seal h1 take 1 by press, photo declined", LightBusy},
		{"REVIEW GO before the prompt has ended", two + toAsked + "; timer phase", "press", Review, "", LightFull},
		{"REVIEW BACK", two + toReviewing, "press 2", RecReady, "say 2_rec", LightFull},
		{"REVIEW no press, whatever the turn says", two + "boot; msg h1 mode=grace; ended; press; wait 4s; ended; ended; press; ended; mic-opened; ended; wait 8s; press; speech; ended",
			"timer phase", Draft, "", LightBreatheS},
		{"DRAFT GO", goDraft, "press", Sending, "seal h1 take 1 by press, photo declined", LightBusy},
		{"DRAFT BACK", goDraft, "press 2", RecReady, "say 2_rec", LightFull},
		{"SENDING BACK ignored", goSend, "press 2", Sending, "", LightBusy},

		{"SENDING ACK", goSend + "; sealed", "ack", Sent, "sound ok, say 2_sent", LightDone},
		{"SENT GO", goSent, "press", Sent, "say sent", LightDone},
		{"SENT BACK", goSent, "press 2", Recall, "take-back r-h1", LightBusy},
		{"SENT BACK before the prompt has ended", goSend + "; sealed; ack", "press 2", Sent, "", LightDone},
		{"SENT BACK, refused before", goSent + "; press 2; not-back; ended", "press 2", Sent, "say sent", LightDone},
		{"SENT no press", goSent, "timer phase", Idle, "forget h1", LightOff},
		{"SENDING ACK of what cannot be taken back", two + "boot; msg h1; ended; press; wait 4s; ended; ended; press; ended; mic-opened; ended; wait 8s; press; speech; ended; press; sealed",
			"ack", Sent, "sound ok, say sent", LightDone},

		{"SENDING then QUEUED", goSend + "; sealed", "net-down", Queued, "say queued", LightSaved},
		{"QUEUED GO", goQueue, "press", Queued, "say queued_status", LightSaved},
		{"QUEUED BACK", goQueue, "press 2; unsent", Review, "say 2_review", LightFull},
		{"QUEUED BACK, it may have left", goQueue, "press 2; not-unsent", Queued, "say queued_status", LightSaved},
		{"PAUSED BACK", two + "boot; pause", "press 2", Paused, "say paused", LightOff},
		{"E_MIC BACK", two + toMicFault + "; reported; ended", "press 2", MicFault, "say mic_told", LightHelp},
		{"E_SPK no GO in DRAFT", goDraft + "; speaker-lost", "press", Draft, "", LightHelp},
		{"E_SPK no BACK in DRAFT", goDraft + "; speaker-lost", "press 2", Draft, "", LightHelp},
	} {
		t.Run(r.name, r.test)
	}
}

// Ways on a box with three buttons: SPEAK answers, SEND sends.
const (
	three      = "config buttons=3; "
	speakReady = three + toInvited + "; press 2"
	speakNow   = speakReady + "; ended; mic-opened; wait 500ms; ended"
	spoken     = speakNow + "; wait 8s; press 2"
	askedPhoto = spoken + "; speech; ended"
	countPhoto = askedPhoto + "; press 2"
	reviewed   = askedPhoto + "; press 3; ended"
	sending    = reviewed + "; press 3"
	sentNow    = sending + "; sealed; ack; ended"
	queued     = sending + "; sealed; net-down; ended"
)

// TestTable24 has every row of people.md 2.4 (c), in its order: LISTEN is
// "press 1", SPEAK "press 2", SEND "press 3".
func TestTable24(t *testing.T) {
	for _, r := range []row{
		{"IDLE LISTEN", three + toIdle, "press 1", Idle, "say idle_ok", LightOff},
		{"IDLE SPEAK", three + toIdle, "press 2", Idle, "say idle_ok", LightOff},
		{"IDLE SEND", three + toIdle, "press 3", Idle, "say idle_ok", LightOff},

		{"NEW LISTEN", three + toNewHop, "press 1", Playing, "progress heard, say here_is, play-whisper h1", LightHalf},
		{"NEW SPEAK", three + toNewHop, "press 2", New, "say 3_first", LightBreathe},
		{"NEW SEND", three + toNewHop, "press 3", New, "sound tick, say lit", LightBreathe},
		{"NEW_QUIET LISTEN", three + "boot quiet; msg h1", "press 1", Playing, "progress heard, say here_is, play-whisper h1", LightHalf},
		{"NEW_QUIET SPEAK", three + "boot quiet; msg h1", "press 2", NewQuiet, "say 3_first", LightBreathe},

		{"PLAYING LISTEN", three + toPlay, "press 1", Playing, "stop, say here_is, play-whisper h1", LightHalf},
		{"PLAYING SPEAK first 3 s", three + toPlay, "wait 1500ms; press 2", Playing, "", LightHalf},
		{"PLAYING SPEAK", three + toPlay, "wait 3s; press 2", RecReady, "stop, say 3_rec", LightFull},
		{"PLAYING SPEAK cancelled", three + toPlay + "; recalled h1", "wait 3s; press 2", Idle, "stop, forget h1", LightOff},
		{"PLAYING SEND", three + toPlay, "wait 3s; press 3", Playing, "stop, sound tick, say lit, play-whisper h1", LightHalf},
		{"PLAYING end", three + toPlay, "ended", Invite, "say 3_invite", LightFull},

		{"INVITE LISTEN", three + toInvited, "press 1", Playing, "say here_is, play-whisper h1", LightHalf},
		{"INVITE SPEAK", three + toInvited, "press 2", RecReady, "say 3_rec", LightFull},
		{"INVITE SEND", three + toInvited, "press 3", Invite, "sound tick, say lit", LightFull},
		{"HEARD LISTEN", three + toWaiting, "press 1", Playing, "say here_is, play-whisper h1", LightHalf},
		{"HEARD SPEAK", three + toWaiting, "press 2", RecReady, "say 3_rec", LightFull},
		{"HEARD SEND", three + toWaiting, "press 3", Heard, "sound tick, say lit", LightBreatheS},

		{"RECORDING LISTEN ignored", speakNow, "wait 5s; press 1", Recording, "", LightVoice},
		{"RECORDING SPEAK", speakNow, "wait 5s; press 2", Check, "close-mic, check-speech 1, sound stop", LightBusy},
		{"RECORDING SEND", speakNow, "wait 5s; press 3", Check, "close-mic, check-speech 1, sound stop", LightBusy},
		{"RECORDING hold SPEAK", speakReady + "; ended; mic-opened; wait 500ms; press hold 2; ended", "wait 5s; release 2", Check,
			"close-mic, check-speech 1, sound stop", LightBusy},
		{"RECORDING hold LISTEN is no hold-to-talk", speakReady + "; ended; mic-opened; wait 500ms; press hold 1; ended", "wait 5s; release", Recording, "", LightVoice},
		{"REC_READY SEND ignored", speakReady, "press 3", RecReady, "", LightFull},

		{"EMPTY LISTEN", spoken + "; no-speech; ended", "press 1", Playing, "say here_is, play-whisper h1", LightHalf},
		{"EMPTY SPEAK", spoken + "; no-speech; ended", "press 2", RecReady, "say 3_rec", LightFull},
		{"EMPTY SEND", spoken + "; no-speech; ended", "press 3", Empty, "sound tick, say lit", LightFull},

		{"CHECK then 3_photo", spoken, "speech", PhotoAsk, "keep-take 1, say 3_photo", LightFull},
		{"PHOTO_ASK LISTEN ignored", askedPhoto, "press 1", PhotoAsk, "", LightFull},
		{"PHOTO_ASK SPEAK", askedPhoto, "press 2", PhotoCount, "open-camera 1, say photo_count, sound tick, sound tick, sound tick", LightDone},
		{"PHOTO_ASK SEND", askedPhoto, "press 3", Review, "say 3_review", LightFull},
		{"PHOTO_COUNT LISTEN", countPhoto, "press 1", Review, "close-camera, erase-photo 1, stop, say 3_review", LightFull},
		{"PHOTO_COUNT SPEAK ignored", countPhoto, "press 2", PhotoCount, "", LightDone},
		{"PHOTO_COUNT SEND", countPhoto, "press 3", Review, "close-camera, erase-photo 1, stop, say 3_review", LightFull},

		{"REVIEW LISTEN", reviewed, "press 1", Review, "play-take 1", LightHalf},
		{"REVIEW LISTEN, then asked again", reviewed + "; press 1", "ended", Review, "say 3_review", LightFull},
		{"REVIEW LISTEN again", reviewed + "; press 1", "press 1", Review, "stop, play-take 1", LightHalf},
		{"REVIEW LISTEN, then SEND", reviewed + "; press 1", "press 3", Sending, "stop, seal h1 take 1 by press, photo declined", LightBusy},
		{"REVIEW LISTEN not heard", reviewed + "; press 1; ended", "ended code=E_SPK", Draft, "", LightBreatheS},
		{"REVIEW SPEAK", reviewed, "press 2", RecReady, "say 3_rec", LightFull},
		{"REVIEW SEND", reviewed, "press 3", Sending, "seal h1 take 1 by press, photo declined", LightBusy},
		{"DRAFT LISTEN", reviewed + "; timer phase", "press 1", Draft, "play-take 1", LightHalf},
		{"DRAFT SPEAK", reviewed + "; timer phase", "press 2", RecReady, "say 3_rec", LightFull},
		{"DRAFT SEND", reviewed + "; timer phase", "press 3", Sending, "seal h1 take 1 by press, photo declined", LightBusy},

		{"SENDING ACK", sending + "; sealed", "ack", Sent, "sound ok, say sent", LightDone},
		{"SENT LISTEN", sentNow, "press 1", Sent, "play-reply r-h1", LightHalf},
		{"SENT LISTEN, then quiet", sentNow + "; press 1", "ended", Sent, "", LightDone},
		{"SENT LISTEN over T_RECALL", sentNow + "; press 1", "timer phase", Sent, "", LightHalf},
		{"SENT SPEAK", sentNow, "press 2", Sent, "say recall_ask", LightDone},
		{"SENT SPEAK again", sentNow + "; press 2; ended", "press 2", Recall, "take-back r-h1", LightBusy},
		{"SENT SPEAK, then SEND, then SPEAK asks anew", sentNow + "; press 2; ended; press 3; ended", "press 2", Sent, "say recall_ask", LightDone},
		{"SENT SEND", sentNow, "press 3", Sent, "say sent", LightDone},

		{"QUEUED LISTEN", queued, "press 1", Queued, "play-reply r-h1", LightHalf},
		{"QUEUED LISTEN, then ACK", queued + "; press 1", "ack", Idle, "forget h1", LightDone},
		{"QUEUED SPEAK", queued, "press 2; unsent", RecReady, "say 3_rec", LightFull},
		{"QUEUED SPEAK, it may have left", queued, "press 2; not-unsent", Queued, "say queued_status", LightSaved},
		{"QUEUED SEND", queued, "press 3", Queued, "say queued_status", LightSaved},
		{"E_SPK no SPEAK", three + toWaiting + "; speaker-lost", "press 2", Heard, "", LightHelp},
		{"E_SPK no SEND", reviewed + "; timer phase; speaker-lost", "press 3", Draft, "", LightHelp},
		{"PAUSED SEND", three + "boot; pause", "press 3", Paused, "say paused", LightOff},
		{"ENDED SPEAK", three + "boot; end", "press 2", Ended, "say ended", LightOff},
	} {
		t.Run(r.name, r.test)
	}
}

// TestLit is the column "Lit" of people.md 2.4 and its rule for the others: a
// button is lit only while it offers an action.
func TestLit(t *testing.T) {
	for _, c := range []struct{ way, lit string }{
		{toIdle, "---"}, {toNewHop, "1--"}, {toInvited, "1--"}, {toReady, "---"}, {toRecord, "1--"}, {toChecked, "---"}, {toReviewing, "1--"},
		{toSendNow, "---"}, {toSentNow, "1--"}, {toQueue, "---"}, {toNewHop + "; speaker-lost", "---"}, {toDrafted, "1--"}, {toMicFault, "---"},

		{two + toIdle, "---"}, {two + toNewHop, "12-"}, {two + toPlay, "12-"}, {two + toInvited, "12-"}, {two + toWaiting, "12-"}, {two + toReady, "---"},
		{two + toRecord, "12-"}, {two + toChecked, "---"}, {two + toEmptied, "12-"}, {two + toAsked, "12-"}, {two + toCount, "-2-"}, {two + toReviewing, "12-"},
		{goDraft, "12-"}, {goSend, "---"}, {goSent, "-2-"}, {goSent + "; press 2; not-back", "---"}, {goQueue, "-2-"}, {two + toWaiting + "; speaker-lost", "---"},

		{three + toIdle, "---"}, {three + toNewHop, "1--"}, {three + "boot quiet; msg h1", "1--"}, {three + toPlay, "12-"}, {three + toInvited, "12-"},
		{three + toWaiting, "12-"}, {speakReady, "---"}, {speakNow, "-2-"}, {spoken, "---"}, {spoken + "; no-speech", "12-"}, {askedPhoto, "-23"},
		{countPhoto, "1-3"}, {reviewed, "123"}, {reviewed + "; timer phase", "123"}, {sending, "---"}, {sentNow, "12-"}, {queued, "12-"},
		{three + "boot; pause", "---"}, {three + "boot; end", "---"}, {toTesting, "---"},
	} {
		h := newHand(t).do(c.way)
		got := ""
		for i, on := range Show(h.s).Lit {
			if on {
				got += fmt.Sprint(i + 1)
			} else {
				got += "-"
			}
		}
		if got != c.lit {
			t.Errorf("%d buttons in %s: lit %s, want %s", h.s.Config.Buttons, h.s.Phase, got, c.lit)
		}
	}
}

// TestBegunAnew: BACK while recording keeps what was said, and an older take
// until it is known that there is speech in the newer one.
func TestBegunAnew(t *testing.T) {
	const again = two + toReviewing + "; press 2; ended; mic-opened; wait 500ms; ended; wait 5s; press 2"
	for _, c := range []struct {
		name, do  string
		take, old int
	}{
		{"first", two + toRecord + "; wait 5s; press 2", 0, 1},
		{"second, in doubt", again, 2, 1},
		{"second, spoken", again + "; speech", 0, 2},
		{"second, silent", again + "; no-speech", 0, 1},
		{"second, no answer before the tone", again + "; ended", 0, 2},
		{"second, the speaker goes", again + "; speaker-lost", 2, 1},
		{"third is empty", again + "; speech; ended; mic-opened; wait 500ms; ended; wait 5s; press; no-speech", 2, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHand(t).do(c.do)
			if h.s.Take.N != c.take || h.s.Old.N != c.old {
				t.Errorf("%s with takes %d and %d, want %d and %d", h.s.Phase, h.s.Take.N, h.s.Old.N, c.take, c.old)
			}
		})
	}
}

// TestUnsent: a reply that never left is a take again, with its facts, and its
// next seal is of the same take.
func TestUnsent(t *testing.T) {
	h := newHand(t).do(goQueue, "press 2; unsent")
	if h.s.Take.N != 1 || h.s.Take.Photo != PhotoTaken || h.s.Turn.Hop != "h1" || len(h.s.Unsent) != 0 || h.s.Turn.Takes != 1 {
		t.Fatalf("in hand %+v of %+v, unsent %v", h.s.Take, h.s.Turn, h.s.Unsent)
	}
	h.do("ended; press")
	if got := doing(h.last); got != "seal h1 take 1 by press, photo taken" {
		t.Errorf("then it does %s", got)
	}
	// A box whose outbox does not answer is not stuck.
	h = newHand(t).do(goQueue, "press 2; press 2; press; msg h2; ended")
	if h.s.Phase != New {
		t.Errorf("no answer, and %s", h.s.Phase)
	}
}

// TestFewerButtons: the box is told that it has fewer; nothing hangs on the rest.
func TestFewerButtons(t *testing.T) {
	h := newHand(t).do(three+toInvited, "press hold 2", "config buttons=1", "config buttons=3")
	if h.s.Keys[1].Down || h.timer(TimerStuck2) {
		t.Errorf("the second button: %+v, timers %v", h.s.Keys[1], h.s.Timers)
	}
}

func (h *hand) timer(name TimerName) bool {
	for _, a := range h.s.Timers {
		if a.Name == name {
			return true
		}
	}
	return false
}

// TestPractice goes through a whole turn of which nothing leaves the box.
func TestPractice(t *testing.T) {
	for buttons, send := range []string{"timer phase", "press", "press 3"} {
		h := newHand(t).do(fmt.Sprintf("config buttons=%d; boot; msg p1 practice recall=600", buttons+1))
		if got := doing(h.last); got != "sound arrive, say practice" {
			t.Errorf("arrival: %s", got)
		}
		h.do("ended; press; wait 4s; ended; ended")
		speak := []string{"press", "press", "press 2"}[buttons]
		h.do(speak, "ended; mic-opened; wait 500ms; ended; wait 8s", speak, "speech; ended", send)
		if got := doing(h.last); h.s.Phase != Sent || got != "erase-takes p1, sound ok, say practice_done" {
			t.Errorf("%d buttons: %s, %s", buttons+1, h.s.Phase, got)
		}
		h.do("ended; press; ended; timer again")
		if h.s.Phase != Idle {
			t.Errorf("%d buttons: %s", buttons+1, h.s.Phase)
		}
		for _, f := range h.all {
			if f.Do == Seal || f.Do == Progress || f.Do == TakeBack {
				t.Errorf("practice does %s", f.Do)
			}
		}
	}
}

// TestHold is the way into the self-test.
func TestHold(t *testing.T) {
	for _, r := range []row{
		{"IDLE held 10 s", "boot; wait 2s; press hold; ended", "timer hold", Idle, "say test_hold", LightOff},
		{"IDLE let go before", "boot; wait 2s; press hold; ended; wait 9s", "release", Idle, "", LightOff},
		{"IDLE let go", toHeld + "; ended", "release", SelfTesting, "self-test", LightBusy},
		{"IDLE let go while it speaks", toHeld, "release", SelfTesting, "stop, self-test", LightBusy},
		{"IDLE let go of another", two + toHeld + "; ended; press 2", "wait 1s", Idle, "say idle_ok", LightOff},
		{"IDLE held on", toHeld + "; ended; timer stuck1; ended", "release", Idle, "", LightOff},
		{"NEW came meanwhile", toHeld + "; msg h1", "release", New, "", LightBreathe},
		{"IDLE second button", two + "boot; wait 2s; press hold 2; ended; timer hold; ended", "release 2", SelfTesting, "self-test", LightBusy},
		{"SELF_TEST press is not ours", toTesting, "press", SelfTesting, "", LightBusy},
		{"SELF_TEST over", toTesting, "self-tested", Idle, "", LightOff},
		{"SELF_TEST MSG waits", toTesting + "; msg h1", "self-tested", New, "sound arrive", LightBreathe},
		{"SELF_TEST too long", toTesting, "timer phase", Idle, "stop-self-test", LightOff},
		{"SELF_TEST END", toTesting, "end", Ended, "stop-self-test, wipe", LightOff},
		{"SELF_TEST PAUSE", toTesting + "; pause", "self-tested", Paused, "", LightOff},
		{"IDLE the team asks", toIdle, "self-test", SelfTesting, "self-test", LightBusy},
		{"IDLE the team asks at night", "boot quiet", "self-test", Idle, "", LightOff},
		{"HEARD the team asks", toWaiting, "self-test", Heard, "", LightBreatheS},
	} {
		t.Run(r.name, r.test)
	}
}

// TestTwoAtOnce: a hand that lands on two buttons has pressed one of them, and
// never the one that sends behind one that does not.
func TestTwoAtOnce(t *testing.T) {
	for first := 1; first <= 3; first++ {
		for second := 1; second <= 3; second++ {
			for _, way := range []string{three + toIdle, three + toNewHop, three + toInvited, askedPhoto, reviewed, reviewed + "; timer phase", sentNow, queued} {
				h := newHand(t).do(way, fmt.Sprintf("press %d", first))
				phase := h.s.Phase
				h.wait(ms(150))
				h.do(fmt.Sprintf("press now %d", second))
				if h.s.Phase != phase || doing(h.last) != "" {
					t.Errorf("%q: %d, then %d does %q", way, first, second, doing(h.last))
				}
			}
		}
	}
	// LISTEN, and SEND before they can have heard anything.
	h := newHand(t).do(reviewed, "press 1; wait 700ms; press now 3")
	if h.s.Phase != Review || !h.s.Listening {
		t.Errorf("%s", h.s.Phase)
	}
}
