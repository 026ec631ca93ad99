package flow

import (
	"strings"
	"testing"
)

// row is one cell of people.md: from a phase that was reached by real events,
// what an event does.
type row struct {
	name  string
	way   string // to the phase
	do    string // the event
	phase Phase
	doing string // effects of the last event, timers left out
	light Pattern
}

func (r row) test(t *testing.T) {
	h := newHand(t)
	h.do(r.way)
	if from, _, ok := strings.Cut(r.name, " "); ok && string(h.s.Phase) != from && !strings.HasPrefix(from, "E_") && from != "LATE" {
		t.Fatalf("the way %q leads to %s", r.way, h.s.Phase)
	}
	h.do(r.do)
	if h.s.Phase != r.phase {
		t.Errorf("phase %s, want %s", h.s.Phase, r.phase)
	}
	if got := doing(h.last); got != r.doing {
		t.Errorf("does   %s\nwanted %s", got, r.doing)
	}
	if got := Show(h.s); got.Main != r.light {
		t.Errorf("light %s, want %s", got.Main, r.light)
	}
}

// TestTable22 has every row of people.md 2.2 (a), in its order.
func TestTable22(t *testing.T) {
	for _, r := range []row{
		{"BOOT light", "", "", Boot, "", LightBusy},
		{"BOOT BTN1 ignored", "", "press", Boot, "", LightBusy},
		{"BOOT 60 s", "", "timer phase", Idle, "", LightOff},
		{"BOOT facts", "", "boot", Idle, "volume normal", LightOff},

		{"IDLE BTN1", toIdle, "press", Idle, "say idle_ok", LightOff},
		{"IDLE BTN1 offline", "boot offline", "press", Idle, "say idle_offline", LightOff},
		{"IDLE BTN1 twice", toIdle + "; press", "press", Idle, "stop, say idle_ok", LightOff},
		{"IDLE MSG", toIdle, "msg h1", New, "sound arrive", LightBreathe},
		{"IDLE MSG announce", toIdle + "; config announce", "msg h1", New, "sound arrive, say new", LightBreathe},
		{"IDLE MSG again", toIdle + "; config announce", "msg h1 again", New, "sound arrive, say again", LightBreathe},
		{"IDLE MSG quiet", toIdle + "; quiet-on", "msg h1", NewQuiet, "", LightBreathe},

		{"NEW BTN1", toNewHop, "press", Playing, "progress heard, say here_is, play-whisper h1", LightHalf},
		{"NEW BTN1 picture", "boot; msg h1 picture; ended", "press", Playing, "progress heard, show-picture h1, say here_is, play-whisper h1", LightHalf},
		{"NEW BTN1 again", "boot; msg h1 again; ended", "press", Playing, "progress heard, say again, say here_is, play-whisper h1", LightHalf},
		{"NEW QUIET_ON", toNewHop, "quiet-on", NewQuiet, "volume quiet", LightBreathe},
		{"NEW RECALLED", toNewHop, "recalled h1", Idle, "forget h1", LightOff},
		{"NEW REMIND", toNewHop, "remind h1", New, "sound arrive, say remind", LightBreathe},
		{"NEW no time-out", toNewHop, "wait 1000h; net-up", New, "", LightBreathe},

		{"NEW_QUIET BTN1", "boot quiet; msg h1", "press", Playing, "progress heard, say here_is, play-whisper h1", LightHalf},
		{"NEW_QUIET QUIET_OFF", "boot quiet; msg h1", "quiet-off", New, "volume normal, sound arrive", LightBreathe},
		{"NEW_QUIET QUIET_OFF arrived before", toNewHop + "; quiet-on", "quiet-off", New, "volume normal", LightBreathe},
		{"NEW_QUIET REMIND", "boot quiet; msg h1", "remind h1", NewQuiet, "", LightBreathe},
		{"NEW_QUIET RECALLED", "boot quiet; msg h1", "recalled h1", Idle, "forget h1", LightOff},

		{"PLAYING BTN1 first 3 s", toPlay, "wait 1500ms; press", Playing, "", LightHalf},
		{"PLAYING BTN1", toPlay, "wait 3s; press", Invite, "stop, say invite", LightFull},
		{"PLAYING PLAY_END", toPlay, "ended", Invite, "say invite", LightFull},
		{"PLAYING PLAY_END cancelled", toPlay + "; recalled h1", "ended", Idle, "forget h1", LightOff},
		{"PLAYING file bad", toPlay, "ended code=E_MEDIA", Idle, "refetch h1, report E_MEDIA, say idle_offline", LightOff},
		{"PLAYING RECALLED", toPlay, "recalled h1", Playing, "", LightHalf},
		{"PLAYING not heard", toPlay, "ended code=E_SPK", Heard, "", LightBreatheS},

		{"INVITE BTN1", toInvited, "press", RecReady, "say rec_ready", LightFull},
		{"INVITE BTN1 during the prompt", toPlay + "; wait 4s; ended", "press", RecReady, "stop, say rec_ready", LightFull},
		{"INVITE again at 20 s", toInvited, "timer again", Invite, "say invite", LightFull},
		{"INVITE T_INVITE", toInvited, "timer phase", Heard, "", LightBreatheS},
		{"INVITE RECALLED", toInvited, "recalled h1", Idle, "forget h1", LightOff},

		{"HEARD BTN1", toWaiting, "press", Playing, "say here_is, play-whisper h1", LightHalf},
		{"PLAYING after HEARD", toWaiting + "; press", "wait 4s; ended", Invite, "say invite", LightFull},
		{"HEARD REMIND", toWaiting, "remind h1", Heard, "sound arrive, say remind", LightBreatheS},
		{"HEARD REMIND quiet", toWaiting + "; quiet-on", "remind h1", Heard, "", LightBreatheS},
		{"HEARD RECALLED", toWaiting, "recalled h1", Idle, "forget h1", LightOff},

		{"REC_READY prompt ends", toReady, "ended", RecReady, "open-mic 1", LightFull},
		{"REC_READY open", toReady + "; ended", "mic-opened", RecReady, "sound ready", LightFull},
		{"REC_READY BTN1 ignored", toReady, "press", RecReady, "", LightFull},
		{"REC_READY TONE_END", toTone, "ended", Recording, "progress recording", LightVoice},
		{"REC_READY open fails", toReady + "; ended", "mic-failed", MicFault, "close-mic, erase-take 1, report E_MIC", LightHelp},
		{"REC_READY open hangs", toReady + "; ended", "timer device", MicFault, "close-mic, erase-take 1, report E_MIC", LightHelp},
		{"REC_READY RECALLED", toReady, "recalled h1", RecReady, "", LightFull},

		{"RECORDING BTN1 before T_REC_MIN", toRecord, "wait 300ms; press", Recording, "", LightVoice},
		{"RECORDING BTN1", toRecord, "wait 1s; press", Check, "close-mic, check-speech 1, sound stop", LightBusy},
		{"RECORDING last 20 s", toRecord, "timer warn", Recording, "", LightBusy},
		{"RECORDING T_REC_MAX", toRecord, "timer phase", Check, "close-mic, check-speech 1, say rec_full", LightBusy},
		{"RECORDING T_SILENCE", toRecord, "timer silence", Check, "close-mic, check-speech 1, say rec_quiet", LightBusy},
		{"RECORDING hold REL1", toReady + "; ended; mic-opened; wait 500ms; press hold; ended", "wait 5s; release", Check, "close-mic, check-speech 1, sound stop", LightBusy},
		{"RECORDING hold REL1 under 1 s", toReady + "; ended; mic-opened; wait 500ms; press hold; ended", "wait 900ms; release", Recording, "", LightVoice},
		{"RECORDING MIC_LOST", toRecord, "wait 5s; mic-lost", MicFault, "close-mic, keep-take 1, report E_MIC", LightHelp},
		{"RECORDING RECALLED", toRecord, "recalled h1", Recording, "", LightVoice},
		{"RECORDING MSG", toRecord, "msg h2", Recording, "", LightVoice},

		{"CHECK BTN1 ignored", toChecked, "press", Check, "", LightBusy},
		{"CHECK 3 s", toChecked, "timer phase", PhotoAsk, "keep-take 1, say photo_ask", LightFull},
		{"CHECK SPEECH", toChecked, "speech", PhotoAsk, "keep-take 1, say photo_ask", LightFull},
		{"CHECK SPEECH photo not allowed", "config nophoto;" + toChecked, "speech", Review, "keep-take 1, say review_grace", LightFull},
		{"CHECK SPEECH no camera", toChecked + "; camera-lost", "speech", Review, "keep-take 1, report E_CAM, say cam_none, say review_grace", LightFull},
		{"CHECK NO_SPEECH", toChecked, "no-speech", Empty, "erase-take 1, sound low, say empty1", LightFull},
		{"CHECK NO_SPEECH with an earlier take", toReviewing + "; press; ended; mic-opened; ended; wait 2s; press", "no-speech", Review,
			"erase-take 2, sound low, say review_confirm", LightFull},
		{"CHECK SPEECH of a second take", toReviewing + "; press; ended; mic-opened; ended; wait 2s; press", "speech", PhotoAsk,
			"keep-take 2, erase-take 1, say photo_ask", LightFull},

		{"EMPTY BTN1", toEmptied, "press", RecReady, "say rec_ready", LightFull},
		{"EMPTY 60 s", toEmptied, "timer phase", Heard, "", LightBreatheS},
		{"CHECK NO_SPEECH second time", toEmptied + "; press; ended; mic-opened; ended; wait 2s; press; ended", "no-speech", Empty,
			"erase-take 2, sound low, report NO_SPEECH, say empty2", LightFull},
		{"EMPTY RECALLED", toEmptied, "recalled h1", Idle, "forget h1", LightOff},

		{"PHOTO_ASK BTN1 before the prompt has ended", toChecked + "; speech", "press", PhotoAsk, "", LightFull},
		{"PHOTO_ASK BTN1 within 0.5 s of it", toAsked, "wait 400ms; press now", PhotoAsk, "", LightFull},
		{"PHOTO_ASK BTN1", toAsked, "press", PhotoCount, "open-camera 1, say photo_count, sound tick, sound tick, sound tick", LightDone},
		{"PHOTO_ASK T_PHOTO_WAIT", toAsked, "timer phase", Review, "say review_grace", LightFull},

		{"PHOTO_COUNT counted", toCount, "ended", PhotoCount, "take-photo", LightDone},
		{"PHOTO_COUNT BTN1", toCount, "press", Review, "close-camera, erase-photo 1, stop, say review_grace", LightFull},
		{"PHOTO_COUNT PHOTO_OK", toCount + "; ended", "photo-ok", Review, "close-camera, keep-take 1, say photo_done, say review_grace", LightFull},
		{"PHOTO_COUNT dark", toCount + "; ended", "photo-dark", Review, "close-camera, erase-photo 1, report E_CAM, say cam_dark, say review_grace", LightFull},
		{"PHOTO_COUNT PHOTO_FAIL", toCount + "; ended", "photo-failed", Review, "close-camera, erase-photo 1, report E_CAM, say cam_none, say review_grace", LightFull},
		{"PHOTO_COUNT no answer", toCount + "; ended", "timer phase", Review, "close-camera, erase-photo 1, report E_CAM, say cam_none, say review_grace", LightFull},

		{"REVIEW grace BTN1", toReviewing, "press", RecReady, "say rec_ready", LightFull},
		{"REVIEW grace BTN1 before the prompt has ended", toAsked + "; timer phase", "press", Review, "", LightFull},
		{"REVIEW grace again at 15 s", toReviewing, "timer again", Review, "say review_grace", LightFull},
		{"REVIEW grace T_GRACE", toReviewing, "timer phase", Sending, "seal h1 take 1 by grace, photo declined", LightBusy},
		{"REVIEW grace not heard", toAsked + "; timer phase", "ended code=E_SPK", Draft, "", LightBreatheS},
		{"REVIEW confirm BTN1", toConfirm, "press", Sending, "seal h1 take 1 by press, photo none", LightBusy},
		{"REVIEW confirm again at 30 s", toConfirm, "timer again", Review, "say review_confirm", LightFull},
		{"REVIEW confirm T_CONFIRM", toConfirm, "timer phase", Draft, "", LightBreatheS},

		{"DRAFT BTN1", toDrafted, "press", Draft, "play-take 1", LightHalf},
		{"DRAFT own take played", toDrafted + "; press", "ended", Review, "say review_confirm", LightFull},
		{"DRAFT own take stopped", toDrafted + "; press", "wait 3s; press", Review, "stop, say review_confirm", LightFull},
		{"DRAFT T_DRAFT_KEEP", toDrafted, "timer keep", Heard, "erase-takes h1", LightBreatheS},
		{"DRAFT RECALLED", toDrafted, "recalled h1", Idle, "forget h1", LightOff},

		{"SENDING BTN1 ignored", toSendNow, "press", Sending, "", LightBusy},
		{"SENDING 3 s", toSendNow, "timer again", Sending, "say sending", LightBusy},
		{"SENDING 10 s", toSendNow + "; timer again", "timer again", Sending, "say sending_long", LightBusy},
		{"SENDING sealed", toSendNow, "sealed", Sending, "erase-takes h1, progress saved", LightBusy},
		{"SENDING not sealed", toSendNow, "seal-failed", Draft, "report E_DISK, make-room, say full_ring", LightBreatheS},
		{"SENDING no answer of the outbox", toSendNow, "timer phase", Sending, "seal h1 take 1 by grace, photo declined", LightBusy},
		{"SENDING T_SEND_TRY", toSendNow + "; sealed", "timer phase", Queued, "say queued", LightSaved},
		{"SENDING ACK", toSendNow + "; sealed", "ack", Sent, "sound ok, say sent", LightDone},
		{"SENDING ACK before the seal's answer", toSendNow + "; ack reply=r-h1", "sealed", Sent, "erase-takes h1, progress saved, sound ok, say sent", LightDone},
		{"SENDING NET_DOWN", toSendNow + "; sealed", "net-down", Queued, "say queued", LightSaved},
		{"SENDING NET_DOWN before sealed", toSendNow + "; net-down", "sealed", Queued, "erase-takes h1, progress saved, say queued", LightSaved},

		{"SENT BTN1", toSentNow + "; ended", "press", Sent, "say recall_ask", LightDone},
		{"SENT second press", toSentNow + "; ended; press; ended", "press", Recall, "take-back r-h1", LightBusy},
		{"SENT second press before the prompt has ended", toSentNow + "; ended; press", "press", Sent, "", LightDone},
		{"SENT press after 15 s asks again", toSentNow + "; ended; press; ended; timer again", "press", Sent, "say recall_ask", LightDone},
		{"SENT T_RECALL", toSentNow + "; ended", "timer phase", Idle, "forget h1", LightOff},
		{"SENT MSG", toSentNow + "; ended; timer again", "msg h2", New, "forget h1, sound arrive", LightBreathe},
		{"SENT MSG at once", toSentNow, "msg h2", Sent, "", LightDone},
		{"SENT MSG then", toSentNow + "; msg h2; ended", "timer again", New, "forget h1, sound arrive", LightBreathe},
		{"SENT cannot be taken back", "boot; msg h1 recall=0; ended; press; wait 4s; ended; ended; press; ended; mic-opened; ended; wait 8s; press; speech; ended; timer phase; sealed; ack; ended",
			"press", Sent, "say sent", LightDone},

		{"QUEUED BTN1", toQueue, "press", Queued, "say queued_status", LightSaved},
		{"QUEUED ACK", toQueue, "ack", Idle, "forget h1", LightDone},
		{"QUEUED ACK at night", toQueue + "; quiet-on", "ack", Idle, "forget h1", LightOff},
		{"IDLE after QUEUED ACK", toQueue + "; ack", "press", Idle, "say sent_later", LightDone},
		{"QUEUED MSG", toQueue, "msg h2", New, "sound arrive", LightBreathe},

		{"RECALL BTN1 ignored", toRecalling, "press", Recall, "", LightBusy},
		{"RECALL confirmed", toRecalling, "taken-back", Heard, "say recalled", LightBreatheS},
		{"RECALL refused", toRecalling, "not-back", Sent, "say recall_no", LightDone},
		{"RECALL 20 s", toRecalling, "timer phase", Sent, "report NO_RECALL, say recall_no", LightDone},
		{"SENT confirmed too late", toRecalling + "; timer phase", "taken-back reply=r-h1", Heard, "stop, say recalled", LightBreatheS},

		{"PAUSED BTN1", "boot; pause", "press", Paused, "say paused", LightOff},
		{"PAUSED RESUME", "boot; pause", "resume", Idle, "", LightOff},
		{"PAUSED RESUME to HEARD", toWaiting + "; pause", "resume", Heard, "", LightBreatheS},
		{"PAUSED RESUME to DRAFT", toDrafted + "; pause", "resume", Draft, "", LightBreatheS},
		{"PAUSED RESUME to NEW", toNewHop + "; pause", "resume", New, "", LightBreathe},
		{"PAUSED RESUME to QUEUED", toQueue + "; pause", "resume", Queued, "", LightSaved},
		{"PAUSED MSG", "boot; pause", "msg h1", Paused, "", LightOff},
		{"PAUSED MSG RESUME", "boot; pause; msg h1", "resume", New, "sound arrive", LightBreathe},
		{"ENDED BTN1", "boot; end; wiped", "press", Ended, "say ended", LightOff},
		{"ENDED wiped", "boot; end", "wiped", Ended, "report WIPED", LightOff},
		{"ENDED MSG", "boot; end", "msg h1", Ended, "forget h1", LightOff},
		{"RECORDING END", toRecord, "end", Ended, "close-mic, wipe", LightOff},
		{"PHOTO_COUNT END", toCount, "end", Ended, "close-camera, stop, wipe", LightOff},
		{"RECORDING PAUSE", toRecord, "pause", Recording, "", LightVoice},
		{"INVITE PAUSE", toInvited + "; pause", "timer phase", Paused, "", LightOff},
	} {
		t.Run(r.name, r.test)
	}
}

// TestTable25 has every row of people.md 2.5, in its order.
func TestTable25(t *testing.T) {
	const recorded = toReady + "; ended; mic-opened; ended; wait 5s; "
	for _, r := range []row{
		{"E_OFFLINE nothing", toIdle, "net-down", Idle, "", LightOff},
		{"E_OFFLINE press", toIdle + "; net-down", "press", Idle, "say idle_offline", LightOff},
		{"E_OFFLINE over", toIdle + "; net-down; net-up", "press", Idle, "say idle_ok", LightOff},
		{"E_AUTH", toIdle, "net-down code=E_AUTH", Idle, "report E_AUTH", LightOff},
		{"E_OFFLINE reply", toReviewing + "; net-down; timer phase", "sealed", Queued, "erase-takes h1, progress saved, say queued", LightSaved},

		{"E_MEDIA in NEW", toNewHop, "media-bad h1", Idle, "refetch h1, report E_MEDIA", LightOff},
		{"E_MEDIA waiting", toPlay + "; msg h2", "media-bad h2", Playing, "refetch h2, report E_MEDIA", LightHalf},

		{"E_MIC alert acknowledged", toMicFault, "reported", MicFault, "say mic_told", LightHelp},
		{"E_MIC alert not acknowledged", toMicFault, "timer alert", MicFault, "say mic_ring", LightHelp},
		{"E_MIC offline", "boot offline; msg h1; ended; press; wait 4s; ended; ended; press; ended", "mic-failed", MicFault,
			"close-mic, erase-take 1, report E_MIC, say mic_ring", LightHelp},
		{"E_MIC press", toMicFault + "; reported; ended", "press", MicFault, "say mic_told", LightHelp},
		{"E_MIC press, not told", toMicFault + "; timer alert; ended", "press", MicFault, "say mic_ring", LightHelp},
		{"E_MIC waiting", toMicFault, "timer phase", Heard, "", LightBreatheS},
		{"E_MIC card back", toMicFault, "mic-back", Heard, "", LightBreatheS},
		{"E_MIC partial take is kept", recorded + "mic-lost", "timer phase", Draft, "", LightBreatheS},
		{"E_MIC partial take, card back", recorded + "mic-lost", "mic-back", Draft, "", LightBreatheS},
		{"E_MIC too short to be one", toReady + "; ended; mic-opened; ended; wait 1s; mic-lost", "timer phase", Heard, "", LightBreatheS},
		{"E_MIC all zero", toChecked, "no-speech code=E_MIC", MicFault, "stop, erase-take 1, report E_MIC", LightHelp},
		{"E_MIC old take is kept", toReviewing + "; press; ended; mic-failed", "timer phase", Draft, "", LightBreatheS},

		{"E_SPK stay in NEW", toNewHop, "speaker-lost", New, "report E_SPK", LightHelp},
		{"E_SPK press in NEW", toNewHop + "; speaker-lost", "press", New, "", LightHelp},
		{"E_SPK no microphone", toReady + "; ended", "speaker-lost", Heard, "close-mic, report E_SPK, erase-take 1", LightHelp},
		{"E_SPK while playing", toPlay, "speaker-lost", Heard, "stop, report E_SPK", LightHelp},
		{"E_SPK while speaking", toRecord, "speaker-lost", Recording, "report E_SPK", LightVoice},
		{"E_SPK after speaking", toChecked + "; speaker-lost", "speech", Draft, "keep-take 1", LightHelp},
		{"E_SPK no grace", toReviewing, "speaker-lost", Draft, "report E_SPK", LightHelp},
		{"E_SPK over", toNewHop + "; speaker-lost", "speaker-back", New, "", LightBreathe},

		{"E_CAM no device", toChecked + "; camera-lost", "speech", Review, "keep-take 1, report E_CAM, say cam_none, say review_grace", LightFull},
		{"E_CAM dark frame", toCount + "; ended", "photo-dark", Review, "close-camera, erase-photo 1, report E_CAM, say cam_dark, say review_grace", LightFull},

		{"E_DISK nothing", toIdle, "disk-low", Idle, "make-room, report E_DISK", LightOff},
		{"E_DISK at record time", toInvited + "; disk-low", "press", Heard, "make-room, say full_ring", LightBreatheS},
		{"E_DISK at record time again", toReviewing + "; disk-low", "press", Draft, "make-room, say full_ring", LightBreatheS},
		{"E_DISK at record time, team told", toIdle + "; disk-low; reported disk; msg h1; ended; press; wait 4s; ended; ended", "press", Heard,
			"make-room, say full_told", LightBreatheS},
		{"E_DISK again, team not told again", toIdle + "; disk-low; reported disk; disk-ok; disk-low; msg h1; ended; press; wait 4s; ended; ended", "press", Heard,
			"make-room, say full_ring", LightBreatheS},
		{"E_DISK over", toInvited + "; disk-low; disk-ok", "press", RecReady, "say rec_ready", LightFull},
		{"E_DISK while recording", toRecord, "wait 9s; mic-lost code=E_DISK", Draft, "close-mic, keep-take 1, report E_DISK, make-room, say full_ring", LightBreatheS},

		{"E_POWER in IDLE", toIdle, "reboot", Idle, "volume normal, report E_POWER", LightOff},
		{"E_POWER in NEW", toNewHop, "reboot", New, "volume normal, report E_POWER", LightBreathe},
		{"E_POWER in NEW_QUIET", "boot quiet; msg h1", "reboot quiet", NewQuiet, "volume quiet, report E_POWER", LightBreathe},
		{"E_POWER in PLAYING", toPlay, "reboot", Heard, "volume normal, report E_POWER", LightBreatheS},
		{"E_POWER in INVITE", toInvited, "reboot", Heard, "volume normal, report E_POWER", LightBreatheS},
		{"E_POWER in REC_READY", toTone, "reboot", Heard, "volume normal, report E_POWER, erase-take 1", LightBreatheS},
		{"E_POWER in RECORDING", toRecord, "reboot partial=8s", Draft, "volume normal, report E_POWER", LightBreatheS},
		{"E_POWER in RECORDING at its start", toRecord, "reboot partial=1s", Heard, "volume normal, report E_POWER, erase-take 1", LightBreatheS},
		{"E_POWER in CHECK", toChecked, "reboot partial=8s", Draft, "volume normal, report E_POWER", LightBreatheS},
		{"E_POWER in RECORDING again", toReviewing + "; press; ended; mic-opened; ended", "reboot partial=1s", Draft, "volume normal, report E_POWER, erase-take 2", LightBreatheS},
		{"E_POWER in REVIEW", toReviewing, "reboot", Draft, "volume normal, report E_POWER", LightBreatheS},
		{"E_POWER in DRAFT", toDrafted, "reboot", Draft, "volume normal, report E_POWER", LightBreatheS},
		{"E_POWER in SENDING before the seal", toSendNow, "reboot", Draft, "volume normal, report E_POWER", LightBreatheS},
		{"E_POWER in SENDING after the seal", toSendNow, "reboot sealed=r-h1", Queued, "volume normal, report E_POWER", LightSaved},
		{"E_POWER in QUEUED", toQueue, "reboot offline", Queued, "volume normal, report E_POWER", LightSaved},
		{"E_POWER in SENT", toSentNow, "reboot", Idle, "volume normal, report E_POWER", LightOff},
		{"E_POWER in PAUSED", toWaiting + "; pause; reboot", "resume", Heard, "", LightBreatheS},
		{"E_POWER in ENDED", "boot; end; wiped", "reboot", Ended, "volume normal, report E_POWER, wipe", LightOff},
		{"E_POWER without a journal", toDrafted, "reboot nojournal", Draft, "volume normal, report E_POWER", LightBreatheS},

		{"E_BTN", toIdle + "; wait 2s; press hold; ended", "timer stuck1", Idle, "report E_BTN, say held", LightOff},
		{"E_BTN ignored until released", toIdle + "; wait 2s; press hold; ended; timer stuck1; ended", "press", Idle, "", LightOff},
		{"E_BTN released", toIdle + "; wait 2s; press hold; ended; timer stuck1; ended; release", "press", Idle, "say idle_ok", LightOff},
		{"E_BTN hold-to-talk", toReady + "; ended; mic-opened; wait 500ms; press hold; ended", "timer stuck1", Recording, "", LightVoice},

		{"E_CLOCK is quiet", toIdle + "; clock-unknown", "msg h1", NewQuiet, "", LightBreathe},
		{"E_CLOCK over", toIdle + "; clock-unknown; msg h1", "clock-known", New, "volume normal, sound arrive", LightBreathe},
		{"E_CLOCK over in quiet hours", "boot quiet noclock; msg h1", "clock-known", NewQuiet, "", LightBreathe},

		{"LATE is thanked for", toSendNow + "; sealed", "ack late", Sent, "sound ok, say late", LightDone},
		{"LATE is sent as late", toRecord + "; recalled h1; wait 8s; press; speech; ended; timer phase; ended", "timer phase", Sending,
			"seal h1 take 1 by grace, photo declined, late", LightBusy},
	} {
		t.Run(r.name, r.test)
	}
}
