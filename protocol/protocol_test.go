package protocol

import (
	"errors"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestVersion_HistoryEndsWithTheConstant(t *testing.T) {
	src, err := os.ReadFile("version.go")
	if err != nil {
		t.Fatal(err)
	}
	lines := regexp.MustCompile(`(?m)^//\t(\d+)  (\d{4}-\d{2}-\d{2})  \S`).FindAllSubmatch(src, -1)
	if len(lines) != Version {
		t.Fatalf("%d lines of history for version %d", len(lines), Version)
	}
	var last string
	for i, l := range lines {
		if n, err := strconv.Atoi(string(l[1])); err != nil || n != i+1 {
			t.Errorf("line %d of the history is for version %s", i+1, l[1])
		}
		if day := string(l[2]); day < last {
			t.Errorf("version %s is older than the one before it", l[1])
		} else if _, err := time.Parse(time.DateOnly, day); err != nil {
			t.Error(err)
		} else {
			last = day
		}
	}
	if want := "illumi.v" + strconv.Itoa(Version); Subprotocol != want {
		t.Errorf("subprotocol %s, want %s", Subprotocol, want)
	}
}

func TestDecode_NotUTF8IsItsOwnError(t *testing.T) {
	_, err := ParseMessage([]byte("{\"type\":\"ping\",\"id\":\"\xff\"}"))
	if !errors.Is(err, ErrNotUTF8) {
		t.Errorf("error %v, want ErrNotUTF8: the socket must close with 1007", err)
	}
}

func TestDecode_Limits(t *testing.T) {
	pad := func(n int) []byte {
		frame := `{"type":"x","id":"1","body":"` + strings.Repeat("a", n)
		return []byte(frame[:n-2] + `"}`)
	}
	if _, err := ParseMessage(pad(MaxMessageBytes)); err != nil {
		t.Errorf("a message at the limit: %v", err)
	}
	if _, err := ParseMessage(pad(MaxMessageBytes + 1)); err == nil {
		t.Error("a message over the limit was read")
	}
	var m Message
	if err := Decode(pad(MaxBodyBytes+1), &m); err == nil {
		t.Error("a body over the limit was read")
	}
	if _, err := Encode(TypeNotice, "1", NoticeText{Text: strings.Repeat("a", MaxMessageBytes)}); err == nil {
		t.Error("a message over the limit was made")
	}
}

func TestEncode_ParsesBack(t *testing.T) {
	frame, err := Encode(TypeRecall, "r-1", HopRef{Hop: "01930d5e-7c1a-7000-8000-00000000a001", Epoch: 3})
	if err != nil {
		t.Fatal(err)
	}
	m, err := ParseMessage(frame)
	if err != nil {
		t.Fatal(err)
	}
	var ref HopRef
	if err := Decode(m.Body, &ref); err != nil || ref.Epoch != 3 || m.Type != TypeRecall || m.ID != "r-1" {
		t.Errorf("got %+v %+v %v", m, ref, err)
	}
	if _, err := Encode(TypeNotice, "1", func() {}); err == nil {
		t.Error("encoded what JSON cannot hold")
	}
}

func TestNormalizeCode(t *testing.T) {
	for _, c := range []struct{ typed, want string }{
		{"ABCDE-23456", "ABCDE23456"},
		{" abcde 23456\t\n", "ABCDE23456"},
		{"abcde–23456", "ABCDE23456"},        // a dash as mail programs make it
		{"ab cde\u00a02345-6", "ABCDE23456"}, // a no-break space
		{"", ""},
		{"ABCDE2345", ""},
		{"ABCDE234567", ""},
		{"ABCDE2345O", ""}, // letter O
		{"ABCDE23451", ""}, // digit one
		{"ABCDE2345\u017f", ""},
		{"ABCDE2345\xff", ""},
	} {
		got, ok := NormalizeCode(c.typed)
		if ok != (c.want != "") || ok && got != c.want {
			t.Errorf("%q: got %q %v", c.typed, got, ok)
		}
	}
	if got := FormatCode("ABCDE23456"); got != "ABCDE-23456" {
		t.Errorf("shown as %s", got)
	}
	if got := FormatCode("AB"); got != "AB" {
		t.Errorf("shown as %s", got)
	}
}

func TestCleanName(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"  Jané Eyre ", "Jané Eyre"},
		{"<script>alert(1)</script>", "<script>alert(1)</script>"}, // pages escape; a name is a name
		{"../../etc", "../../etc"},
		{"日本", "日本"},
		{"نامه\u200cها", "نامه\u200cها"}, {"👩\u200d👧", "👩\u200d👧"},
		{"\u200d", ""}, {"\u200c \u200d", ""},
		{strings.Repeat("ü", MaxNameRunes), strings.Repeat("ü", MaxNameRunes)},
		{strings.Repeat("ü", MaxNameRunes+1), ""},
		{"", ""}, {" \t ", ""}, {"a\r\nb", ""}, {"a\x00", ""}, {"a\u202eb", ""}, {"a\u200bb", ""}, {"a\u2028b", ""}, {"\xff", ""},
	} {
		got, ok := CleanName(c.in)
		if ok != (c.want != "") || ok && got != c.want {
			t.Errorf("%q: got %q %v", c.in, got, ok)
		}
	}
}

func TestIDs(t *testing.T) {
	good := "01930d5e-7c1a-7000-8000-00000000a001"
	if !ValidID(good) {
		t.Error("refused a proper id")
	}
	for _, bad := range []string{"", strings.ToUpper(good), good[1:], good + "0", strings.Replace(good, "-", "_", 1), "../../../../../../../etc/passwd/0000"} {
		if ValidID(bad) {
			t.Errorf("took %q", bad)
		}
	}
	// FIPS 180-2, appendix B.1.
	if got := HashSecret("abc"); got != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
		t.Errorf("HashSecret(abc) = %s", got)
	}
	if ValidSecret("") || !ValidSecret(strings.Repeat("0", 64)) {
		t.Error("a secret is 64 hex digits")
	}
}

func TestReceipt_Proves(t *testing.T) {
	const id, hop, whisper = "01930d5e-7c1a-7000-8000-00000000e001", "01930d5e-7c1a-7000-8000-00000000a001", "01930d5e-7c1a-7000-8000-00000000b001"
	file := File{Role: RoleAudio, SHA256: strings.Repeat("a", 64), Size: 10, Type: "audio/wav", Encoding: EncodingPlain, Upload: "u"}
	reply := Reply{ID: id, Epoch: 1, Take: 1, Files: []File{file}}
	good := Receipt{Reply: id, Hop: hop, Whisper: whisper, State: ReplyAccepted, ReceivedAt: time.Unix(1, 0), Files: []File{file}}
	if err := good.Proves(hop, reply); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Receipt){
		"another reply":   func(r *Receipt) { r.Reply = whisper },
		"another hop":     func(r *Receipt) { r.Hop = whisper },
		"another digest":  func(r *Receipt) { r.Files[0].SHA256 = strings.Repeat("b", 64) },
		"another size":    func(r *Receipt) { r.Files[0].Size = 11 },
		"a file too many": func(r *Receipt) { r.Files = append(r.Files, r.Files[0]) },
		"no state":        func(r *Receipt) { r.State = "" },
	} {
		r := good
		r.Files = slices.Clone(good.Files)
		change(&r)
		if r.Proves(hop, reply) == nil {
			t.Errorf("%s was taken for a proof", name)
		}
	}
}

func TestProblem_SaysWhatToDo(t *testing.T) {
	p := &Problem{Detail: "The code has expired.", Next: "Ask for a new one.", Code: CodeCodeExpired}
	if got := p.Error(); got != "The code has expired. Ask for a new one. (code_expired)" {
		t.Error(got)
	}
	p.Next = ""
	if got := p.Error(); got != "The code has expired. (code_expired)" {
		t.Error(got)
	}
}

func FuzzParseMessage(f *testing.F) {
	for _, file := range readVectors(f) {
		for _, v := range append(file.Good, file.Bad...) {
			f.Add(v.bytes(f))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseMessage(data)
		if err != nil {
			return
		}
		var body any
		if len(m.Body) > 0 {
			body = m.Body
		}
		frame, err := Encode(m.Type, m.ID, body)
		if err != nil {
			// HTML escaping and U+2028 grow a frame that was just within the limit.
			if len(data) > MaxMessageBytes/6 {
				return
			}
			t.Fatalf("%q parses and cannot be made: %v", data, err)
		}
		again, err := ParseMessage(frame)
		if err != nil || again.Type != m.Type || again.ID != m.ID {
			t.Fatalf("%q became %q: %v", data, frame, err)
		}
		if _, err := ParseMessageLoose(data); err != nil {
			t.Fatalf("strict takes what loose refuses: %v", err)
		}
	})
}

// FuzzDecode holds every shape to one rule: what is accepted once is accepted
// again in our own spelling, and means the same.
func FuzzDecode(f *testing.F) {
	for _, file := range readVectors(f) {
		for _, v := range append(file.Good, file.Bad...) {
			f.Add(file.Shape, v.bytes(f))
		}
	}
	f.Fuzz(func(t *testing.T, shape string, data []byte) {
		read, ok := shapes[shape]
		if !ok || shape == "message" {
			return
		}
		checkStable(t, read, data)
	})
}

func FuzzDecodeReply(f *testing.F) {
	for _, file := range readVectors(f) {
		if file.Shape == "reply" {
			for _, v := range append(file.Good, file.Bad...) {
				f.Add(v.bytes(f))
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := strictly[Reply](data)
		if err != nil {
			return
		}
		checkStable(t, strictly[Reply], data)
		for _, file := range v.(Reply).Files {
			if file.Size < 1 || file.Size > MaxAudioBytes || !ValidDigest(file.SHA256) {
				t.Fatalf("took %+v", file)
			}
		}
	})
}

func FuzzNormalizeCode(f *testing.F) {
	for _, s := range []string{"ABCDE-23456", "abcde 23456", "ABCDE2345O", "\u017f\u212a", "", "——", "ABCDE234567"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		code, ok := NormalizeCode(typed)
		if !ok {
			return
		}
		if len(code) != CodeLength || strings.Trim(code, CodeAlphabet) != "" {
			t.Fatalf("%q became %q", typed, code)
		}
		if again, ok := NormalizeCode(FormatCode(code)); !ok || again != code {
			t.Fatalf("%q is not stable", code)
		}
	})
}

func FuzzCleanName(f *testing.F) {
	for _, s := range []string{"Jané", "a\r\nb", "\u202e", " x ", "\u200d", "a\u200c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, ok := CleanName(s)
		if !ok {
			return
		}
		if again, ok := CleanName(name); !ok || again != name || !utf8.ValidString(name) || strings.ContainsAny(name, "\r\n\x00") {
			t.Fatalf("%q became %q", s, name)
		}
	})
}
