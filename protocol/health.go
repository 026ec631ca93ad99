package protocol

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// FeatureHealth in a welcome says that the server takes reports, checks and the
// wider status, and keeps clips. A box sends none of these to a server that
// does not say so: an older one refuses what it does not know.
const FeatureHealth = "health"

// Messages about the box itself. A report is acknowledged as progress is: the
// box repeats it until then.
const (
	TypeReport   MessageType = "report"   // from the box
	TypeEnd      MessageType = "end"      // the study is over: erase all of it, then report WIPED
	TypeCheck    MessageType = "check"    // look through all parts now, then hand in what was found
	TypePractice MessageType = "practice" // let somebody try; nothing of it leaves the box
)

// PathChecks takes what a box found when it looked itself through; PathClips
// lists its replaced sentences, and with a digest behind it gives one.
const (
	PathChecks = "/api/v1/device/checks"
	PathClips  = "/api/v1/device/clips" // + "/" + digest
)

// Limits of these.
const (
	MaxDetail     = 200 // bytes of a report's detail
	MaxCheckItems = 60
	MaxClips      = 200
	MaxClipBytes  = 4_000_000 // half a minute, as the server makes it
)

// ReportCode names what befell a box (people.md 2.5). Codes never change their
// meaning; a server keeps one that it does not know and shows it as it is.
type ReportCode string

// Codes of reports.
const (
	ReportAuth     ReportCode = "E_AUTH"    // the server refused the box
	ReportMedia    ReportCode = "E_MEDIA"   // a whisper cannot be played
	ReportMic      ReportCode = "E_MIC"     // the microphone gave no sound
	ReportSpeaker  ReportCode = "E_SPK"     // nothing can be heard
	ReportCamera   ReportCode = "E_CAM"     // no picture, or a dark one
	ReportScreen   ReportCode = "E_SCREEN"  // a screen or printer is gone
	ReportDisk     ReportCode = "E_DISK"    // hardly any room
	ReportCard     ReportCode = "E_CARD"    // the memory card makes errors
	ReportPower    ReportCode = "E_POWER"   // it started without having been shut down
	ReportVoltage  ReportCode = "E_VOLT"    // its power supply is too weak
	ReportHeat     ReportCode = "E_HEAT"    // it is too hot
	ReportButton   ReportCode = "E_BTN"     // a button is held down, or worn
	ReportClock    ReportCode = "E_CLOCK"   // it does not know the time
	ReportReply    ReportCode = "E_REPLY"   // a saved answer is damaged, or was refused
	ReportNoSpeech ReportCode = "NO_SPEECH" // twice nobody was heard
	ReportNoRecall ReportCode = "NO_RECALL" // a take-back was not answered
	ReportWiped    ReportCode = "WIPED"     // nothing of the study is left on the box
)

// Report is something that people shall know of a box. ID is a UUID made on the
// box; the same one again changes nothing.
type Report struct {
	ID   string     `json:"id"`
	Code ReportCode `json:"code"`
	Hop  string     `json:"hop,omitempty"` // the turn that it befell
	At   time.Time  `json:"at"`            // the box's clock
	// Over says that what the code names has ended.
	Over bool `json:"over,omitempty"`
	// Detail is for whoever mends the box: never what was said, heard or typed.
	Detail string `json:"detail,omitempty"`
	// Request is the server's request that this answers.
	Request string `json:"request,omitempty"`
}

// Request is the body of end, check and practice. Getting the same one twice is
// getting it once.
type Request struct {
	ID string `json:"id"`
	// Aloud says that people agreed that the box may speak in quiet hours.
	Aloud bool `json:"aloud,omitempty"`
}

// Known is yes, no or unknown: what cannot be measured is not fine.
type Known string

// Values of Known.
const (
	Yes     Known = "yes"
	No      Known = "no"
	Unknown Known = "unknown"
)

// Health is what a box measures of itself. What is nil or empty is not known,
// or not there.
type Health struct {
	DiskTotal    int64    `json:"disk_total,omitempty"`  // bytes
	Temperature  *float64 `json:"temperature,omitempty"` // of the processor, °C
	Undervoltage Known    `json:"undervoltage"`          // now, or since the machine started
	Throttled    Known    `json:"throttled"`             // slowed down by heat or power
	WiFi         *int     `json:"wifi,omitempty"`        // dBm
	MicLevel     *float64 `json:"mic_level,omitempty"`   // dBFS, the loudest of the last take
	Memory       int64    `json:"memory,omitempty"`      // bytes that programs can still have
	CardErrors   int64    `json:"card_errors,omitempty"` // that the file system counted
	CardWorn     Known    `json:"card_worn,omitempty"`   // empty: unknown
	Restarts     int64    `json:"restarts"`              // starts without a shutdown before
	Bounces      int      `json:"bounces,omitempty"`     // most contacts of one press, today
	// LastPress is when a button was last pressed, by the box's clock.
	LastPress *time.Time `json:"last_press,omitempty"`
	Board     string     `json:"board,omitempty"`
	OS        string     `json:"os,omitempty"`
	Kernel    string     `json:"kernel,omitempty"`
	// The parts by the names that the machine gives them; empty: there is none.
	Microphone string `json:"microphone,omitempty"`
	Speaker    string `json:"speaker,omitempty"`
	Camera     string `json:"camera,omitempty"`
	Screen     string `json:"screen,omitempty"`
	Printer    string `json:"printer,omitempty"`
}

// CheckKind says how a box was looked through.
type CheckKind string

// Kinds of checks.
const (
	CheckDoctor   CheckKind = "doctor"   // by itself, part by part
	CheckSelfTest CheckKind = "selftest" // with a person at the box, who pressed and spoke
	CheckPractice CheckKind = "practice" // a whole turn, tried out
)

// Verdict is how one part did.
type Verdict string

// Verdicts.
const (
	VerdictOK      Verdict = "ok"
	VerdictWarn    Verdict = "warn"
	VerdictFailed  Verdict = "failed"
	VerdictSkipped Verdict = "skipped"
)

// Check is what was found when a box was looked through. ID is a UUID made on
// the box; handing the same one in again gives the same answer.
type Check struct {
	ID        string      `json:"id"`
	Kind      CheckKind   `json:"kind"`
	At        time.Time   `json:"at"` // the box's clock
	Request   string      `json:"request,omitempty"`
	Installer string      `json:"installer,omitempty"` // who stood there, as they call themselves
	Agent     string      `json:"agent,omitempty"`
	Items     []CheckItem `json:"items"`
}

// CheckItem is one part. Text and Next are sentences for people; Next says what
// to do where it is not ok.
type CheckItem struct {
	Part    string  `json:"part"`
	Verdict Verdict `json:"verdict"`
	Text    string  `json:"text"`
	Next    string  `json:"next,omitempty"`
}

// CheckReceipt says that a check is kept.
type CheckReceipt struct {
	ID         string    `json:"id"`
	ReceivedAt time.Time `json:"received_at"`
}

// Clips are the sentences of a box that somebody else speaks. Set is the name
// of exactly this list, as it stands in the box's settings; empty: none.
type Clips struct {
	Set   string `json:"set"`
	Clips []Clip `json:"clips"`
}

// Clip replaces one sentence: a mono WAV, levelled by the server.
type Clip struct {
	Key    string `json:"key"`
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
}

// Check reports what is wrong with a report.
func (r Report) Check() error {
	switch {
	case !ValidID(r.ID):
		return errors.New("the report has no proper id")
	case !ValidReportCode(r.Code):
		return errors.New("the report has no proper code")
	case r.Hop != "" && !ValidID(r.Hop), r.Request != "" && !ValidID(r.Request):
		return errors.New("the report names something that is no id")
	case !shortText(r.Detail, MaxDetail):
		return errors.New("the report has an overlong detail")
	}
	return nil
}

// ValidReportCode reports 1 to 20 characters of A-Z, 0-9 and _.
func ValidReportCode(c ReportCode) bool {
	for i := range len(c) {
		if b := c[i]; (b < 'A' || b > 'Z') && (b < '0' || b > '9') && b != '_' {
			return false
		}
	}
	return c != "" && len(c) <= 20
}

// Check reports what is wrong with a request.
func (r Request) Check() error {
	if !ValidID(r.ID) {
		return errors.New("the request has no proper id")
	}
	return nil
}

// Check reports what is wrong with a box's health.
func (h Health) Check() error {
	known := []Known{Yes, No, Unknown}
	switch {
	case !slices.Contains(known, h.Undervoltage), !slices.Contains(known, h.Throttled), h.CardWorn != "" && !slices.Contains(known, h.CardWorn):
		return errors.New("the health has a value that is neither yes, no nor unknown")
	case h.DiskTotal < 0, h.Memory < 0, h.CardErrors < 0, h.Restarts < 0, h.Bounces < 0:
		return errors.New("the health's numbers make no sense")
	}
	for _, name := range []string{h.Board, h.OS, h.Kernel, h.Microphone, h.Speaker, h.Camera, h.Screen, h.Printer} {
		if !shortText(name, 120) {
			return errors.New("the health has an overlong name")
		}
	}
	return nil
}

// Check reports what is wrong with a check.
func (c Check) Check() error {
	switch {
	case !ValidID(c.ID):
		return errors.New("the check has no proper id")
	case !slices.Contains([]CheckKind{CheckDoctor, CheckSelfTest, CheckPractice}, c.Kind):
		return fmt.Errorf("the check is of the unknown kind %.20q", c.Kind)
	case c.Request != "" && !ValidID(c.Request):
		return errors.New("the check answers something that is no id")
	case !shortText(c.Installer, 4*MaxNameRunes), !shortText(c.Agent, 80):
		return errors.New("the check has an overlong text")
	case len(c.Items) == 0 || len(c.Items) > MaxCheckItems:
		return fmt.Errorf("the check has %d parts", len(c.Items))
	}
	for _, i := range c.Items {
		if err := i.Check(); err != nil {
			return err
		}
	}
	return nil
}

// Check reports what is wrong with one part.
func (i CheckItem) Check() error {
	switch {
	case i.Part == "" || !shortText(i.Part, 80):
		return errors.New("a part of the check has no proper name")
	case !slices.Contains([]Verdict{VerdictOK, VerdictWarn, VerdictFailed, VerdictSkipped}, i.Verdict):
		return fmt.Errorf("a part of the check has the unknown verdict %.20q", i.Verdict)
	case !shortText(i.Text, 400), !shortText(i.Next, 400):
		return errors.New("a part of the check has an overlong text")
	}
	return nil
}

// Verdict is the worst of the parts.
func (c Check) Verdict() Verdict {
	worst := VerdictOK
	for _, i := range c.Items {
		switch i.Verdict {
		case VerdictFailed:
			return VerdictFailed
		case VerdictWarn:
			worst = VerdictWarn
		case VerdictOK, VerdictSkipped:
		}
	}
	return worst
}

// Check reports what is wrong with a receipt.
func (r CheckReceipt) Check() error {
	if !ValidID(r.ID) || r.ReceivedAt.IsZero() {
		return errors.New("the receipt names no check")
	}
	return nil
}

// Check reports what is wrong with a list of clips.
func (c Clips) Check() error {
	switch {
	case c.Set != "" && !ValidDigest(c.Set), (c.Set == "") != (len(c.Clips) == 0):
		return errors.New("the list of clips has no proper name")
	case len(c.Clips) > MaxClips:
		return fmt.Errorf("the list has %d clips, over the limit of %d", len(c.Clips), MaxClips)
	}
	for n, clip := range c.Clips {
		switch {
		case !ValidClip(clip.Key) || !ValidDigest(clip.SHA256):
			return errors.New("a clip has no proper key or digest")
		case clip.Size < 1 || clip.Size > MaxClipBytes:
			return fmt.Errorf("a clip of %d bytes is outside the limit of %d", clip.Size, MaxClipBytes)
		case n > 0 && clip.Key <= c.Clips[n-1].Key:
			return errors.New("the clips are not in the order of their keys")
		}
	}
	return nil
}

// ValidClip reports a sentence's key: 1 to 40 characters of a-z, 0-9 and _. It
// is a file's name on the box.
func ValidClip(key string) bool { return len(key) <= 40 && ownSpelling(key) }
