package flow

// Keys of what the self-test says (people.md 5), and of practice. A number is
// spoken digit by digit, so that a language pack needs ten clips for all.
const (
	SayPractice      Prompt = "practice"
	SayPracticeStory Prompt = "practice_story"
	SayPracticeDone  Prompt = "practice_done"

	SayTestHold       Prompt = "test_hold"
	SayTestHello      Prompt = "test_hello"
	SayTestBox        Prompt = "test_name_box"
	SayTestCode       Prompt = "test_code"
	SayTestLight      Prompt = "test_light"
	SayTestLightBad   Prompt = "test_light_bad"
	SayTestSound      Prompt = "test_sound"
	SayTestSoundBad   Prompt = "test_sound_bad"
	SayTestMic        Prompt = "test_mic"
	SayTestMicHeard   Prompt = "test_mic_heard"
	SayTestMicBad     Prompt = "test_mic_bad"
	SayTestRed        Prompt = "test_red"
	SayTestRedBad     Prompt = "test_red_bad"
	SayTestCamera     Prompt = "test_camera"
	SayTestCameraOK   Prompt = "test_camera_ok"
	SayTestCameraBad  Prompt = "test_camera_bad"
	SayTestWait       Prompt = "test_wait"
	SayTestWifiOK     Prompt = "test_wifi_ok"
	SayTestCable      Prompt = "test_wifi_cable"
	SayTestPassword   Prompt = "test_wifi_password"
	SayTestWifiGone   Prompt = "test_wifi_missing"
	SayTestWifiWeak   Prompt = "test_wifi_weak"
	SayTestServerOK   Prompt = "test_server_ok"
	SayTestServerBad  Prompt = "test_server_bad"
	SayTestClockBad   Prompt = "test_clock_bad"
	SayTestDiskBad    Prompt = "test_disk_bad"
	SayTestAllOK      Prompt = "test_all_ok"
	SayTestFailedOne  Prompt = "test_failed_one"
	SayTestFailedMore Prompt = "test_failed_more" // after a digit

	SayDigit0 Prompt = "digit_0"
	SayDigit1 Prompt = "digit_1"
	SayDigit2 Prompt = "digit_2"
	SayDigit3 Prompt = "digit_3"
	SayDigit4 Prompt = "digit_4"
	SayDigit5 Prompt = "digit_5"
	SayDigit6 Prompt = "digit_6"
	SayDigit7 Prompt = "digit_7"
	SayDigit8 Prompt = "digit_8"
	SayDigit9 Prompt = "digit_9"
)

// Digits are the clips of a number, in order; what is no digit is left out.
func Digits(number string) []Prompt {
	var clips []Prompt
	for _, c := range number {
		if c >= '0' && c <= '9' {
			clips = append(clips, Prompt("digit_"+string(c)))
		}
	}
	return clips
}

var testPrompts = map[Prompt]string{
	SayPractice:      "This is practice. Press the button to hear it.",
	SayPracticeStory: "Hello from the team. What did you have for breakfast today?",
	SayPracticeDone:  "Well done. That was practice. Nothing left the box.",

	SayTestHold:       "Let go to test the box. Keep holding if not.",
	SayTestHello:      "Hello.",
	SayTestBox:        "I am box",
	SayTestCode:       "My code is",
	SayTestLight:      "Test one. Is my light on? Press if yes.",
	SayTestLightBad:   "Test one failed. Check the button cable.",
	SayTestSound:      "Test two. Press when this is loud enough.",
	SayTestSoundBad:   "Test two failed. Check the speaker.",
	SayTestMic:        "Test three. After the tone, say your name.",
	SayTestMicHeard:   "Press if you heard yourself.",
	SayTestMicBad:     "Test three failed. Check the microphone plug.",
	SayTestRed:        "Test four. Press if the red light was on.",
	SayTestRedBad:     "Test four failed. Do not use this box.",
	SayTestCamera:     "Test five. Look at the box. Three. Two. One.",
	SayTestCameraOK:   "Test five. The camera works.",
	SayTestCameraBad:  "Test five failed. Open the camera cover.",
	SayTestWait:       "I am testing the network. This takes a minute.",
	SayTestWifiOK:     "Test six. Joined your Wi-Fi. The signal is good.",
	SayTestCable:      "Test six. The network cable works.",
	SayTestPassword:   "Test six failed. Wrong password.",
	SayTestWifiGone:   "Test six failed. I cannot see your Wi-Fi.",
	SayTestWifiWeak:   "Test six failed. The signal is weak.",
	SayTestServerOK:   "Test seven. I can reach the team.",
	SayTestServerBad:  "Test seven failed. The internet is not answering.",
	SayTestClockBad:   "Test seven failed. The clock is not set.",
	SayTestDiskBad:    "Test seven failed. The memory card is full.",
	SayTestAllOK:      "All tests passed. The box is ready.",
	SayTestFailedOne:  "One test failed. Please look at the page.",
	SayTestFailedMore: "tests failed. Please look at the page.",

	SayDigit0: "zero", SayDigit1: "one", SayDigit2: "two", SayDigit3: "three", SayDigit4: "four",
	SayDigit5: "five", SayDigit6: "six", SayDigit7: "seven", SayDigit8: "eight", SayDigit9: "nine",
}
