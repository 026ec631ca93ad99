package flow

import "maps"

// Keys of the prompts (people.md 2.1). A language pack is a folder of
// recordings under these names; no pack may lack one.
const (
	SayNew           Prompt = "new"
	SayHereIs        Prompt = "here_is"
	SayInvite        Prompt = "invite"
	SayRemind        Prompt = "remind"
	SayAgain         Prompt = "again"
	SayRecReady      Prompt = "rec_ready"
	SayRecFull       Prompt = "rec_full"
	SayRecQuiet      Prompt = "rec_quiet"
	SayEmpty1        Prompt = "empty1"
	SayEmpty2        Prompt = "empty2"
	SayPhotoAsk      Prompt = "photo_ask"
	SayPhotoCount    Prompt = "photo_count"
	SayPhotoDone     Prompt = "photo_done"
	SayCamNone       Prompt = "cam_none"
	SayCamDark       Prompt = "cam_dark"
	SayReviewGrace   Prompt = "review_grace"
	SayReviewConfirm Prompt = "review_confirm"
	SayLit           Prompt = "lit"
	SaySending       Prompt = "sending"
	SaySendingLong   Prompt = "sending_long"
	SaySent          Prompt = "sent"
	SayQueued        Prompt = "queued"
	SayQueuedStatus  Prompt = "queued_status"
	SaySentLater     Prompt = "sent_later"
	SayRecallAsk     Prompt = "recall_ask"
	SayRecalled      Prompt = "recalled"
	SayRecallNo      Prompt = "recall_no"
	SayIdleOK        Prompt = "idle_ok"
	SayIdleOffline   Prompt = "idle_offline"
	SayLate          Prompt = "late"
	SayPaused        Prompt = "paused"
	SayEnded         Prompt = "ended"
	SayMicTold       Prompt = "mic_told"
	SayMicRing       Prompt = "mic_ring"
	SayFullTold      Prompt = "full_told"
	SayFullRing      Prompt = "full_ring"
	SayHeld          Prompt = "held"
	Say2Invite       Prompt = "2_invite"
	Say2Rec          Prompt = "2_rec"
	Say2Photo        Prompt = "2_photo"
	Say2Review       Prompt = "2_review"
	Say2Sent         Prompt = "2_sent"
	Say3Invite       Prompt = "3_invite"
	Say3Rec          Prompt = "3_rec"
	Say3Photo        Prompt = "3_photo"
	Say3Review       Prompt = "3_review"
	Say3First        Prompt = "3_first"
)

// Prompts has the English text of every prompt, at most twelve words each:
// the reference for recordings, the screen and the simulator. Do not change it
// at run time.
var Prompts = joined(talkPrompts, testPrompts)

func joined(lists ...map[Prompt]string) map[Prompt]string {
	all := map[Prompt]string{}
	for _, l := range lists {
		maps.Copy(all, l)
	}
	return all
}

var talkPrompts = map[Prompt]string{
	SayNew:           "You have a new whisper. Press the button to hear it.",
	SayHereIs:        "Here is your whisper.",
	SayInvite:        "Press now to answer. Or come back later.",
	SayRemind:        "Your whisper is still here, when you are ready.",
	SayAgain:         "The team asks you to answer once more, please.",
	SayRecReady:      "Speak after the tone. Press when you have finished.",
	SayRecFull:       "That is all the time. Your message is safe.",
	SayRecQuiet:      "It went quiet, so I stopped. Your message is safe.",
	SayEmpty1:        "I did not hear you. Press to try again.",
	SayEmpty2:        "Still no sound. Please ring the number on the box.",
	SayPhotoAsk:      "Press for a photo. Wait if you want none.",
	SayPhotoCount:    "Look at the box. Three. Two. One.",
	SayPhotoDone:     "Photo taken.",
	SayCamNone:       "No photo today. Your voice is enough.",
	SayCamDark:       "The camera is covered. I will send your voice.",
	SayReviewGrace:   "Sending soon. Press if you want to do it again.",
	SayReviewConfirm: "Press to send it. Wait, and I will keep it.",
	SayLit:           "Press the button that is lit.",
	SaySending:       "Sending now.",
	SaySendingLong:   "Still sending. You can leave it with me.",
	SaySent:          "Sent. Thank you. It is safely with the team.",
	SayQueued:        "Saved safely. I will send it later. Nothing to do.",
	SayQueuedStatus:  "Your message is safe here. It will go soon.",
	SaySentLater:     "Your earlier message has now been sent.",
	SayRecallAsk:     "Already sent. Press again to take it back.",
	SayRecalled:      "Your message is back. It was not passed on.",
	SayRecallNo:      "I could not take it back. Please ring us.",
	SayIdleOK:        "All is well. No new whisper yet.",
	SayIdleOffline:   "No connection just now. You need not do anything.",
	SayLate:          "Thank you. The team will keep your message.",
	SayPaused:        "The box is resting. The team will be in touch.",
	SayEnded:         "The study has ended. Thank you for taking part.",
	SayMicTold:       "I cannot hear today. The team has been told.",
	SayMicRing:       "I cannot hear today. Please ring the number.",
	SayFullTold:      "The box is full. The team has been told.",
	// Ours, as mic_ring is to mic_told: the box says nothing that is not so.
	SayFullRing: "The box is full. Please ring the number on the box.",
	SayHeld:     "Let go of the button now, please.",
	Say2Invite:  "Press Go to answer. Press Back to hear again.",
	Say2Rec:     "Speak after the tone. Press Go when finished.",
	Say2Photo:   "Go for a photo. Back for no photo.",
	Say2Review:  "Press Go to send. Press Back to try again.",
	Say2Sent:    "Sent. Thank you. Press Back if you change your mind.",
	Say3Invite:  "Press Speak to answer. Press Listen to hear again.",
	Say3Rec:     "Speak after the tone. Press Speak when finished.",
	Say3Photo:   "Press Speak for a photo. Press Send for none.",
	Say3Review:  "Press Send. Or press Speak to try again.",
	Say3First:   "Press Listen first, to hear the whisper.",
}
