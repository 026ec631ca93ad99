package panel

import "illumi/agent/internal/flow"

// words say what a box is doing and what a press would do, for who looks at it
// rather than listens.
var words = map[flow.Phase]string{
	flow.Boot:       "Starting.",
	flow.Idle:       "No whisper now. The light stays off until one comes.",
	flow.New:        "A whisper is waiting. Press the button to hear it.",
	flow.NewQuiet:   "A whisper is waiting. Press the button to hear it.",
	flow.Playing:    "Playing the whisper.",
	flow.Invite:     "The whisper was heard. Press the button to answer.",
	flow.Heard:      "The whisper is not answered yet. Press the button to hear it again.",
	flow.RecReady:   "Getting ready to record. Speak after the tone.",
	flow.Recording:  "Recording. Press the button when you have finished.",
	flow.Check:      "Listening to what was recorded.",
	flow.Empty:      "Nothing was heard. Press the button to try again.",
	flow.PhotoAsk:   "Press the button for a photo. Wait for none.",
	flow.PhotoCount: "Taking the photo.",
	flow.Review:     "The answer is ready.",
	flow.Draft:      "The answer is kept and not sent. Press the button to hear it.",
	flow.Sending:    "Sending the answer.",
	flow.Sent:       "The answer is sent.",
	flow.Queued:     "The answer is saved and goes out by itself.",
	flow.Recall:     "Asking for the answer back.",
	flow.Paused:     "The box is resting.",
	flow.Ended:      "The study has ended.",
	flow.MicFault:   "The microphone does not work.",

	flow.SelfTesting: "Testing itself, with somebody who presses when asked.",
}

// Words gives a state in plain words; of a state that has none its name.
func Words(state string) string {
	if s, ok := words[flow.Phase(state)]; ok {
		return s
	}
	return state
}

// Connection says in plain words how a box stands with its server.
func Connection(v View) string {
	switch {
	case v.Online && v.Waiting > 0:
		return "connected, sending"
	case v.Online:
		return "connected"
	case v.Refusal != "":
		return "turned away by the server: " + v.Refusal
	}
	return "no connection: kept safe, retrying"
}

// night says why the light is hard to see.
const night = "☾ quiet hours: the light is dimmed"
