package protocol

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Line is one fact of how a box is, in words. The box's own status and its page
// on the server show the same lines, so that two people on the telephone read
// the same.
type Line struct {
	Key   string // for programs
	Name  string
	Words string
	Level Level
	// At is a moment that belongs to Words, told by each side in its own way.
	At time.Time
}

// Level says whether somebody should look after a fact.
type Level string

// Levels.
const (
	Fine  Level = "fine"
	Look  Level = "look"  // worth a look, nothing is lost by it
	Bad   Level = "bad"   // the box cannot do its work so
	Plain Level = "plain" // neither, or not known
)

// Where a number is worth a look, and where it is bad.
const (
	hotLook, hotBad   = 70.0, 80.0 // °C; a Pi slows itself down at 80
	roomBad           = 200e6      // bytes (people.md E_DISK)
	roomLook          = 0.15       // of the disk (hardware.md 11: an alarm at 85 %)
	wifiGood, wifiBad = -60, -70   // dBm (people.md section 5)
	memoryLook        = 30e6       // bytes
	bouncesLook       = 20         // contacts of one press: the switch is worn
)

// stateWords say what a box is doing.
var stateWords = map[string]string{
	"BOOT": "starting", "IDLE": "no whisper waits", "NEW": "a whisper waits to be heard", "NEW_QUIET": "a whisper waits to be heard",
	"PLAYING": "playing the whisper", "INVITE": "the whisper was heard, an answer may come", "HEARD": "the whisper was heard, no answer yet",
	"REC_READY": "about to record", "RECORDING": "recording an answer", "CHECK": "listening to what was recorded",
	"EMPTY": "nothing was heard, it asks once more", "PHOTO_ASK": "asking for a photo", "PHOTO_COUNT": "taking a photo",
	"REVIEW": "an answer is ready", "DRAFT": "an answer is kept and not sent", "SENDING": "sending the answer", "SENT": "the answer is sent",
	"QUEUED": "an answer is saved and goes out by itself", "RECALL": "asking for the answer back", "PAUSED": "resting",
	"ENDED": "the study has ended", "SELF_TEST": "testing itself with somebody", "E_MIC": "the microphone does not work",
}

// StateWords says what a box is doing; a state of a later box as it is called.
func StateWords(state string) string {
	if w, ok := stateWords[state]; ok {
		return w
	}
	return strings.ToLower(strings.ReplaceAll(state, "_", " "))
}

// Lines tells how the box is, what matters most first. What the box does not
// tell has no line.
func (s Status) Lines() []Line {
	lines := []Line{
		{Key: "state", Name: "It does", Words: StateWords(s.State) + pick(s.Practice, ", for practice", ""), Level: either(s.State == "E_MIC", Bad, Plain)},
		{Key: "waiting", Name: "Not answered", Words: counted(s.Waiting, "whisper"), Level: Plain},
		{Key: "unsent", Name: "Not sent", Words: counted(s.Unsent, "answer"), Level: Plain},
		s.room(),
		{Key: "clock", Name: "Clock", Words: pick(s.ClockSync, "right", "not set by the network"), Level: either(s.ClockSync, Fine, Look)},
	}
	if h := s.Health; h != nil {
		lines = append(lines, h.lines()...)
	}
	return append(lines, Line{Key: "uptime", Name: "Running for", Words: Spell(time.Duration(s.Uptime) * time.Second), Level: Plain})
}

func (s Status) room() Line {
	l := Line{Key: "room", Name: "Free space", Words: gigabytes(s.DiskFree) + " GB", Level: Fine}
	if h := s.Health; h != nil && h.DiskTotal > 0 {
		l.Words = gigabytes(s.DiskFree) + " of " + gigabytes(h.DiskTotal) + " GB"
		l.Level = either(float64(s.DiskFree) < roomLook*float64(h.DiskTotal), Look, Fine)
	}
	if s.DiskFree < roomBad {
		l.Level = Bad
	}
	return l
}

func (h Health) lines() []Line {
	var lines []Line
	add := func(key, name, words string, level Level) {
		lines = append(lines, Line{Key: key, Name: name, Words: words, Level: level})
	}
	switch h.Undervoltage {
	case Yes:
		add("power", "Power", "too little: use the adapter that belongs to the box", Bad)
	case No:
		add("power", "Power", "enough", Fine)
	default:
		add("power", "Power", "unknown, this board cannot tell", Plain)
	}
	if h.Throttled == Yes {
		add("throttled", "Speed", "slowed down, by heat or too little power", Look)
	}
	if t := h.Temperature; t != nil {
		add("temperature", "Temperature", strconv.FormatFloat(*t, 'f', 0, 64)+" °C", either(*t >= hotBad, Bad, either(*t >= hotLook, Look, Fine)))
	}
	if h.WiFi == nil {
		add("wifi", "Wi-Fi", "not used, or not known", Plain)
	} else {
		add("wifi", "Wi-Fi", WiFiWords(*h.WiFi), either(*h.WiFi <= wifiBad, Look, Fine))
	}
	lines = append(lines, h.card()...)
	lines = append(lines, h.parts()...)
	if h.Bounces > 0 {
		add("bounces", "Buttons", counted(h.Bounces, "contact")+" in one press"+pick(h.Bounces > bouncesLook, ": a switch is worn", ""),
			either(h.Bounces > bouncesLook, Look, Fine))
	}
	if h.LastPress != nil {
		lines = append(lines, Line{Key: "last_press", Name: "Last pressed", Level: Plain, At: *h.LastPress})
	}
	if h.Memory > 0 {
		add("memory", "Free memory", strconv.FormatInt(h.Memory/1e6, 10)+" MB", either(h.Memory < memoryLook, Look, Fine))
	}
	add("restarts", "Power cuts", pick(h.Restarts == 0, "none", counted(int(h.Restarts), "start")+" without a shutdown before"), Plain)
	for _, v := range []struct{ key, name, words string }{{"os", "System", h.OS}, {"kernel", "Kernel", h.Kernel}, {"board", "Board", h.Board}} {
		if v.words != "" {
			add(v.key, v.name, v.words, Plain)
		}
	}
	return lines
}

func (h Health) card() []Line {
	l := Line{Key: "card", Name: "Memory card", Words: "no errors so far", Level: Fine}
	switch {
	case h.CardErrors == 0 && h.CardWorn == No:
		l.Words = "no sign of wear"
	case h.CardErrors > 0:
		l.Words, l.Level = counted(int(h.CardErrors), "error")+": replace it", Bad
	case h.CardWorn == Yes:
		l.Words, l.Level = "worn: replace it", Bad
	}
	return []Line{l}
}

// parts are there or not; whether the box needs one that is missing, who reads
// the line knows best. Only ears and a mouth each box must have.
func (h Health) parts() []Line {
	var lines []Line
	for _, p := range []struct {
		key, name, is string
		needed        bool
	}{
		{"microphone", "Microphone", h.Microphone, true}, {"speaker", "Speaker", h.Speaker, true},
		{"camera", "Camera", h.Camera, false}, {"screen", "Screen", h.Screen, false}, {"printer", "Printer", h.Printer, false},
	} {
		l := Line{Key: p.key, Name: p.name, Words: p.is, Level: Fine}
		if p.is == "" {
			l.Words, l.Level = "none", either(p.needed, Bad, Plain)
		}
		if p.key == "microphone" && h.MicLevel != nil && p.is != "" {
			l.Words += fmt.Sprintf(", the last answer was %.0f dBFS at its loudest", *h.MicLevel)
		}
		lines = append(lines, l)
	}
	return lines
}

// WiFiWords says how strong a signal is.
func WiFiWords(dbm int) string {
	word := "weak: move the box or the router"
	switch {
	case dbm >= wifiGood:
		word = "good"
	case dbm > wifiBad:
		word = "enough"
	}
	return strconv.Itoa(dbm) + " dBm, " + word
}

// reportWords are for the people who look after a box.
var reportWords = map[ReportCode][2]string{ // what is so, and what to do
	ReportAuth:     {"The server refused the box.", "See whether it was removed, or its card copied."},
	ReportMedia:    {"A whisper could not be played.", "Nothing to do: the box fetches it again."},
	ReportMic:      {"The microphone gave no sound.", "Ring there: is its plug in? Then check the box."},
	ReportSpeaker:  {"Nothing can be heard from the speaker.", "Ring there: is its plug in? Then check the box."},
	ReportCamera:   {"The camera gave no picture, or a dark one.", "Answers come without a photo. Open its cover."},
	ReportScreen:   {"A screen or printer is gone.", "The picture is described instead. See to its cable."},
	ReportDisk:     {"There is hardly any room on the box.", "See whether its answers come here; else bring another card."},
	ReportCard:     {"The memory card makes errors.", "Replace the card soon. The box goes on meanwhile."},
	ReportPower:    {"The box lost its power, and went on where it was.", "Nothing to do, unless it happens often."},
	ReportVoltage:  {"The power supply is too weak.", "Use the adapter that belongs to the box."},
	ReportHeat:     {"The box is too hot.", "Take it out of the sun, and off the radiator."},
	ReportButton:   {"A button was held down for long, or is worn.", "Ring there: does something lean on it?"},
	ReportClock:    {"The box does not know what time it is.", "It is quiet until the network tells. See to its connection."},
	ReportReply:    {"A saved answer is damaged, or was refused.", "Ask at the box for the answer once more."},
	ReportNoSpeech: {"Twice nobody was heard in a recording.", "Ring there and see whether help is wanted."},
	ReportNoRecall: {"An answer could not be taken back in time.", "Ring there and ask what was wished."},
	ReportWiped:    {"All recordings and pictures of the study are erased on the box.", "Collect the box, and say thank you."},
}

// Words says what a report means, and what to do about it. Of a code of a later
// box it says the code.
func (c ReportCode) Words() (so, next string) {
	if w, ok := reportWords[c]; ok {
		return w[0], w[1]
	}
	return "The box reports " + string(c) + ".", "Check the box."
}

// Fails reports that a box with this cannot take part in whispers until
// somebody helps: worth a mail.
func (c ReportCode) Fails() bool {
	switch c {
	case ReportMic, ReportSpeaker, ReportDisk, ReportCard, ReportVoltage, ReportReply:
		return true
	}
	return false
}

// Spell tells a length of time in words, in its two largest units.
func Spell(d time.Duration) string {
	units := []struct {
		of   time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}}
	for i, u := range units {
		n := d / u.of
		if n == 0 {
			continue
		}
		words := counted(int(n), u.name)
		if rest := d % u.of; i+1 < len(units) && i < 2 && rest >= units[i+1].of {
			words += " " + counted(int(rest/units[i+1].of), units[i+1].name)
		}
		return words
	}
	return "no time yet"
}

// SpokenCode is four digits by which a box says which one it is: its page shows
// the same (people.md I5). It is no secret and opens nothing.
func SpokenCode(device string) string {
	sum := sha256.Sum256([]byte("illumi spoken code " + device))
	return fmt.Sprintf("%04d", binary.BigEndian.Uint64(sum[:8])%10000)
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

func gigabytes(n int64) string { return strconv.FormatFloat(float64(n)/1e9, 'f', 1, 64) }

func pick(yes bool, a, b string) string {
	if yes {
		return a
	}
	return b
}

func either(yes bool, a, b Level) Level {
	if yes {
		return a
	}
	return b
}

// Sentence is one that a box can say, by the key of its clip. Text is English.
type Sentence struct{ Key, Text string }

// Sentences lists all that a box can say, the citizen's first.
func Sentences() []Sentence { return slices.Clone(sentences) }

// KnownSentence reports whether a box has a sentence of this key.
func KnownSentence(key string) bool {
	return slices.ContainsFunc(sentences, func(s Sentence) bool { return s.Key == key })
}
