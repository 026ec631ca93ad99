package e2e_test

import (
	"bytes"
	"errors"
	"fmt"
	"html"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"illumi/protocol"
	"illumi/scripts/e2e/world"
)

// TestWrong sends everything wrong that people and strangers send, while a
// whisper travels: each gets a status and a sentence of its own, nothing is
// stored, memory stays flat, and the whisper arrives.
func TestWrong(t *testing.T) {
	o := world.Options{}
	s := set(t, o, 0)
	ctx := t.Context()
	boxes := s.enrol(t, "conandoyle", "janeeyre")
	id := s.begin(t, world.Start{Boxes: ids(boxes)})
	good, err := s.r.Upload(ctx, world.Upload{Path: s.audio, Role: "audio"})
	must(t, err)
	turn, at := s.turn(t, id, boxes)
	other := boxes[0]
	if other == at {
		other = boxes[1]
	}
	used, err := s.Code(ctx, "heidi")
	must(t, err)
	must(t, world.NewBox("heidi", s.URL()).Enrol(ctx, used))
	db := s.open(t, o)
	expired, err := s.Code(ctx, "momo")
	must(t, err)
	_, err = db.ExecContext(ctx, "UPDATE codes SET expires_at = 1 WHERE used_at = 0")
	must(t, err)

	dir := s.Dir()
	long := filepath.Join(dir, "too long.wav")
	must(t, os.WriteFile(long, nil, 0o600))
	must(t, os.Truncate(long, protocol.MaxAudioBytes+1))
	wide := filepath.Join(dir, "too large.jpg")
	must(t, os.WriteFile(wide, nil, 0o600))
	must(t, os.Truncate(wide, protocol.MaxImageBytes+1))
	upload := func(name string, data []byte, role world.Role) func() error {
		path := filepath.Join(dir, "wrong "+strings.ReplaceAll(name, "/", "_"))
		if data != nil {
			path = write(t, dir, filepath.Base(path), data)
		}
		return func() error {
			_, err := s.r.Upload(ctx, world.Upload{Path: path, Role: role, Name: name})
			return err
		}
	}
	file := func(path string, role world.Role) func() error {
		return func() error {
			_, err := s.r.Upload(ctx, world.Upload{Path: path, Role: role})
			return err
		}
	}
	enrol := func(code string) func() error {
		return func() error { return world.NewBox("sancho", s.URL()).Enrol(ctx, code) }
	}
	start := func(change func(*world.Start)) func() error {
		return func() error {
			st := world.Start{Title: "Wrong", Audio: good, Boxes: ids(boxes)}
			change(&st)
			_, err := s.r.Start(ctx, s.project, st)
			return err
		}
	}

	before, files, uploads := rows(t, db), stored(t, filepath.Join(s.Data(), "media")), stored(t, filepath.Join(s.Data(), "uploads"))
	must(t, s.Server().ResetPeak())
	memory, err := s.Server().Memory()
	must(t, err)
	sentences := map[string]string{}
	for _, c := range []struct {
		name   string
		do     func() error
		status int
		words  string
	}{
		{"text named .jpg", upload("photo.jpg", []byte("this is no photo\n"), "image"), 415, "not a picture"},
		{"text named .wav", upload("voice.wav", []byte("this is no voice\n"), "audio"), 415, "not a recording"},
		{"empty recording", upload("silence.wav", []byte{}, "audio"), 422, "empty"},
		{"recording over the limit", file(long, "audio"), 413, "at most 100 MB"},
		{"picture over the limit", file(wide, "image"), 413, "at most 25 MB"},
		{"GIF bomb", upload("small.gif", bombGIF(), "image"), 415, "GIF"},
		{"PNG bomb", upload("big.png", bombPNG(40000, 40000), "image"), 422, "60 megapixels"},
		{"SVG", upload("drawing.svg", []byte(`<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`), "image"), 415, "SVG"},
		{"recording as a picture", file(s.audio, "image"), 415, "not a picture"},
		{"not what was announced", func() error {
			_, err := s.r.Upload(ctx, world.Upload{Path: s.audio, Role: "audio", SHA256: strings.Repeat("0", 64)})
			return err
		}, protocol.StatusDigestMismatch, "not the one that was announced"},
		{"used code", enrol(used), 409, "used"},
		{"expired code", enrol(expired), 410, "expired"},
		{"wrong code", enrol("23456-789AB"), 404, "code"},
		{"no code at all", enrol("../etc"), 404, "code"},
		{"another box's turn", func() error {
			f, err := other.Upload(ctx, world.Upload{Path: s.audio, Role: "audio"})
			if err != nil {
				return err
			}
			_, err = other.Reply(ctx, turn.Hop, world.NewReply(turn, f))
			return err
		}, 404, "no such turn"},
		{"no boxes", start(func(s *world.Start) { s.Boxes = nil }), 422, "no box"},
		{"no recording", start(func(s *world.Start) { s.Audio = "" }), 422, "recording is missing"},
		{"a recording that is gone", start(func(s *world.Start) { s.Audio = "/app/uploads/01a1fb66-d014-735a-bd19-11fe7482ce67" }), 422, "not here any more"},
		{"a box that is not there", start(func(s *world.Start) { s.Boxes = []string{"../../etc/passwd"} }), 422, "does not exist"},
		{"a seed that is none", start(func(s *world.Start) { s.Seed = "12zz" }), 422, "64 hexadecimal digits"},
		{"a title of two lines", start(func(s *world.Start) { s.Title = "Hello\r\nBcc: everybody@example.org" }), 422, "name"},
		{"a project's name of two lines", func() error {
			_, err := s.r.Project(ctx, "Hello\r\nX-Evil: 1", 0)
			return err
		}, 422, "name"},
		{"nobody's whisper", func() error {
			_, err := s.r.Get(ctx, "/whispers/01a1fb66-d014-735a-bd19-11fe7482ce67")
			return err
		}, 404, "does not exist"},
		{"a file beside the media", func() error {
			_, err := s.r.Get(ctx, "/whispers/"+id+"/media/..%2f..%2f..%2filli.db")
			return err
		}, 404, "does not exist"},
	} {
		err := c.do()
		r, ok := errors.AsType[*world.Refusal](err)
		if !ok {
			t.Errorf("%s: %v, want a refusal", c.name, err)
			continue
		}
		if r.Status != c.status || !strings.Contains(strings.ToLower(r.Sentence), strings.ToLower(c.words)) {
			t.Errorf("%s: %d %q, want %d and %q", c.name, r.Status, r.Sentence, c.status, c.words)
		}
		if first, twice := sentences[r.Sentence]; twice && !sameSentence(first, c.name) {
			t.Errorf("%s and %s get the same sentence %q", first, c.name, r.Sentence)
		}
		sentences[r.Sentence] = c.name
	}
	peak, err := s.Server().PeakMemory()
	must(t, err)
	if grown := peak - memory; grown > 40<<20 {
		t.Errorf("wrong input made the server grow by %d MB", grown>>20)
	}
	// The upload that belonged to another box's answer is a proper one; it waits to be used.
	before["uploads"]++
	if after := rows(t, db); !maps.Equal(before, after) {
		t.Errorf("rows before %v, after %v", before, after)
	}
	if n := stored(t, filepath.Join(s.Data(), "media")); n != files {
		t.Errorf("%d files are stored, %d were before", n, files)
	}
	if n := stored(t, filepath.Join(s.Data(), "uploads")); n != uploads {
		t.Errorf("%d unfinished uploads are left, %d were before", n, uploads)
	}
	for range boxes {
		turn, at = s.turn(t, id, boxes)
		if _, err := at.Answer(ctx, turn, s.audio); err != nil {
			t.Fatal(err)
		}
	}
	must(t, s.until(t, id, 10e9, complete).Check())
}

// sameSentence lists what is the same mistake to people.
func sameSentence(a, b string) bool {
	for _, same := range [][2]string{{"text named .jpg", "recording as a picture"}, {"a title of two lines", "a project's name of two lines"}, {"nobody's whisper", "a file beside the media"}, {"wrong code", "no code at all"}} {
		if a == same[0] && b == same[1] {
			return true
		}
	}
	return false
}

// turn finds the box whose turn it is, and its offer.
func (s *stage) turn(t *testing.T, id string, boxes []*world.Box) (protocol.Offer, *world.Box) {
	t.Helper()
	w, _, err := s.r.Whisper(t.Context(), id)
	must(t, err)
	for _, h := range w.Hops {
		for _, b := range boxes {
			if b.Name == h.Device && h.ReceivedAt == nil {
				o, err := b.Open(t.Context())
				must(t, err)
				return o, b
			}
		}
	}
	t.Fatalf("nobody's turn: %+v", w)
	return protocol.Offer{}, nil
}

// TestWrong_Names gives names that are traps: they are shown as they are and
// do nothing.
func TestWrong_Names(t *testing.T) {
	s := set(t, world.Options{}, 0)
	ctx := t.Context()
	const evil = `<script>alert("../../é")</script>`
	boxes := s.enrol(t, evil, "../../../tmp/évasion", `"><img src=x onerror=alert(1)>`)
	project, err := s.r.Project(ctx, evil, 0)
	must(t, err)
	s.project = project
	photo := write(t, s.Dir(), "phöto <script>.jpg", phonePhoto(t, 60, 80))
	image, err := s.r.Upload(ctx, world.Upload{Path: photo, Role: "image", Name: "../../<script>\r\nSet-Cookie: a=b.jpg"})
	must(t, err)
	id := s.begin(t, world.Start{Title: evil, Image: image, Boxes: ids(boxes)})
	for range boxes {
		o, b := s.turn(t, id, boxes)
		if _, err := b.Answer(ctx, o, s.audio); err != nil {
			t.Fatal(err)
		}
	}
	w := s.until(t, id, 10e9, complete)
	must(t, w.Check())
	if w.Title != evil {
		t.Errorf("the title is %q", w.Title)
	}
	for _, page := range []string{"/", "/boxes", "/projects/" + project, "/projects/" + project + "/start", "/whispers/" + id} {
		data, err := s.r.Get(ctx, page)
		must(t, err)
		for _, name := range []string{evil, `"><img src=x onerror`} {
			if bytes.Contains(data, []byte(name)) {
				t.Errorf("%s shows %q as markup", page, name)
			}
		}
		if !strings.Contains(html.UnescapeString(string(data)), `alert("../../é")`) {
			t.Errorf("%s does not show the name at all", page)
		}
	}
	for _, f := range w.Files() {
		if f.Name != filepath.Base(f.Name) || strings.ContainsAny(f.Name, "<>\"\r\n") {
			t.Errorf("a file is named %q", f.Name)
		}
		must(t, s.r.Save(ctx, id, f, filepath.Join(t.TempDir(), f.Name)))
	}
	if err := world.NewBox("x\r\ny", s.URL()).Enrol(ctx, "23456-789AB"); !isRefusal(err, http.StatusUnprocessableEntity, http.StatusNotFound) {
		t.Errorf("a box's name of two lines: %v", err)
	}
}

func isRefusal(err error, status ...int) bool {
	r, ok := errors.AsType[*world.Refusal](err)
	if !ok {
		return false
	}
	for _, s := range status {
		if r.Status == s {
			return true
		}
	}
	return fmt.Sprint(status) == "[]"
}
