package web

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"math"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/store"
)

// tone is a WAV of a second that is loud in its first half, and silent then.
func tone() []byte {
	const rate = 8000
	pcm := make([]byte, 2*rate)
	for i := range rate / 2 {
		binary.LittleEndian.PutUint16(pcm[2*i:], uint16(int16(20000*math.Sin(float64(i)))))
	}
	var b bytes.Buffer
	b.WriteString("RIFF")
	for _, v := range []any{uint32(36 + len(pcm)), []byte("WAVEfmt "), uint32(16), uint16(1), uint16(1), uint32(rate), uint32(2 * rate), uint16(2), uint16(16), []byte("data"), uint32(len(pcm)), pcm} {
		_ = binary.Write(&b, binary.LittleEndian, v)
	}
	return b.Bytes()
}

// hear makes the shared copy of the seed a real recording.
func (r *rig) hear(whisper string) string {
	kept, err := r.blobs.Put(r.t.Context(), bytes.NewReader(tone()))
	r.must(err)
	r.must(r.db.Tx(r.t.Context(), func(tx *store.Tx) error {
		return tx.AddFile(r.t.Context(), model.File{WhisperID: whisper, Position: 0, Role: protocol.RoleAudio, Variant: model.VariantShared,
			SHA256: kept.SHA256, Size: kept.Size, Type: "audio/wav", Duration: time.Second, CreatedAt: r.clock()})
	}))
	return kept.SHA256
}

// A page draws a recording once, and shows it from then on without its bytes.
func TestWhisper_outlines(t *testing.T) {
	r := newRig(t)
	admin := r.signedIn("root@example.org", model.RoleAdmin)
	w := r.start(admin.actor, r.project(admin.actor, "Harbour", model.ForwardStraight), "Gulls", r.enrol(admin.actor, "ann")...)
	digest := r.hear(w.ID)
	v, err := r.relay.Whisper(t.Context(), admin.actor, w.ID)
	r.must(err)
	r.web.outlines(t.Context(), &v)
	peaks := map[string]string{}
	for _, f := range v.Files {
		if f.Role == protocol.RoleAudio && f.Variant == model.VariantShared {
			peaks[f.SHA256] = f.Peaks
		} else if f.Peaks != "" {
			t.Errorf("%s %s has an outline", f.Role, f.Variant)
		}
	}
	raw, err := hex.DecodeString(peaks[digest])
	if err != nil || len(raw) != bars || raw[10] < 100 || raw[bars-10] != 0 {
		t.Errorf("outline %q", peaks[digest])
	}
	delete(peaks, digest)
	for _, p := range peaks {
		if p != model.NoPeaks { // the rig's other recordings are only words
			t.Errorf("a text has the outline %q", p)
		}
	}
	r.must(r.blobs.Remove(digest))
	page := admin.get("/whispers/" + w.ID)
	page.has(t, http.StatusOK, `data-wave><path d="M0 `)
}

// A page is shown in time also where the disk is slow or the reader gone.
func TestOutlines_neverKeepAPage(t *testing.T) {
	r := newRig(t)
	admin := r.signedIn("root@example.org", model.RoleAdmin)
	w := r.start(admin.actor, r.project(admin.actor, "Harbour", model.ForwardStraight), "Gulls", r.enrol(admin.actor, "ann")...)
	v, err := r.relay.Whisper(t.Context(), admin.actor, w.ID)
	r.must(err)
	gone, stop := context.WithCancel(t.Context())
	stop()
	r.web.outlines(gone, &v)
	for _, f := range v.Files {
		if f.Peaks != "" {
			t.Errorf("%+v", f)
		}
	}
}

func TestPair(t *testing.T) {
	r := newRig(t)
	admin := r.signedIn("root@example.org", model.RoleAdmin)
	w := r.start(admin.actor, r.project(admin.actor, "Harbour", model.ForwardStraight), "Gulls", r.enrol(admin.actor, "ann", "ben", "cat")...)
	r.answer(w, 1, "hello")
	r.answer(w, 2, "hallo")
	v, err := r.relay.Whisper(t.Context(), admin.actor, w.ID)
	r.must(err)
	shown := r.web.compose(v)
	for _, tt := range []struct {
		a, b        string
		left, right int
		chosen      bool
		query       string
	}{
		{"", "", 0, 2, false, ""},
		{"0", "1", 0, 1, true, "?a=0&b=1"},
		{"2", "1", 2, 1, true, "?a=2&b=1"},
		{"2", "2", 2, 2, true, "?a=2&b=2"},
		{"0", "3", 0, 2, false, ""}, // has not answered
		{"x", "1", 0, 2, false, ""},
		{"-1", "99", 0, 2, false, ""},
	} {
		shown.pairUp(tt.a, tt.b)
		p := shown.Pair
		if p.Left.Number != tt.left || p.Right.Number != tt.right || p.Chosen != tt.chosen || p.Query() != tt.query || len(p.Choices) != 3 {
			t.Errorf("%q and %q: %d and %d, %v, %q", tt.a, tt.b, p.Left.Number, p.Right.Number, p.Chosen, p.Query())
		}
	}
	at := "/whispers/" + w.ID
	admin.get(at+"?a=2&b=1").has(t, http.StatusOK, "Two links side by side", `hx-get="`+at+`?a=2&amp;b=1"`)
	admin.get(at).has(t, http.StatusOK, "The seed against the latest answer", `hx-get="`+at+`"`, "<bdi>root@example.org</bdi> started the whisper.")
}

func TestKeys_canBeSwitchedOff(t *testing.T) {
	r := newRig(t)
	v := r.signedIn("ada@example.org", model.RoleResearcher)
	v.get("/account").has(t, http.StatusOK, "<body data-shortcuts>", `name="keys" value="yes" checked`)
	v.post("/account/keys", nil).has(t, http.StatusSeeOther)
	off := v.get("/account?changed=keys")
	off.has(t, http.StatusOK, "<body>", "Changed")
	if strings.Contains(off.body, `name="keys" value="yes" checked`) {
		t.Error("the switch does not show that it is off")
	}
	v.post("/account/keys", url.Values{"keys": {"yes"}}).has(t, http.StatusSeeOther)
	v.get("/account").has(t, http.StatusOK, "<body data-shortcuts>")
	if page := r.visitor().get("/sign-in"); strings.Contains(page.body, "data-shortcuts") {
		t.Error("a page without an account has shortcuts that nobody can switch off")
	}
}

func TestSpoken(t *testing.T) {
	for in, want := range map[time.Duration]string{
		200 * time.Millisecond: "1 s", 42400 * time.Millisecond: "42 s", 72 * time.Second: "1 min 12 s", 3 * time.Minute: "3 min", 59600 * time.Millisecond: "1 min",
	} {
		if got := spoken(in); got != want {
			t.Errorf("spoken(%v) = %q, want %q", in, got, want)
		}
	}
}

func TestWavePath(t *testing.T) {
	for in, want := range map[string]string{"": "", model.NoPeaks: "", "xyz": "", "00ff": "M0 31v2M1 1v62", "4080": "M0 17v30M1 1v62", "0c": "M0 17v30"} {
		if got := wavePath(in); got != want {
			t.Errorf("wavePath(%q) = %q, want %q", in, got, want)
		}
	}
}

// A description that was given stands in the picture's place.
func TestAlt(t *testing.T) {
	a := answer{Whose: "the seed", Image: &model.File{}}
	if got := a.Alt(); got != "Picture of the seed" {
		t.Error(got)
	}
	a.Image.Alt = "Gulls over a mole"
	if got := a.Alt(); got != "Picture of the seed: Gulls over a mole" {
		t.Error(got)
	}
}
