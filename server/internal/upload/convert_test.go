package upload

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"illumi/protocol"
	"illumi/server/internal/media"
)

func m4a(t *testing.T) []byte {
	t.Helper()
	data, err := os.ReadFile("../media/testdata/tone.m4a")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Boxes cannot play it: without a converter it must not get as far as them.
func TestUpload_M4AIsRefusedWithoutConverter(t *testing.T) {
	r := newRig(t)
	r.s.converter = media.Converter{}
	box := r.page("user-1")
	data := m4a(t)
	at := box.create(protocol.RoleAudio, data)
	out := box.patch(at, 0, data)
	want(t, "status", out.status, http.StatusUnsupportedMediaType)
	want(t, "code", out.problem.Code, protocol.CodeMediaRefused)
	want(t, "afterwards", box.do(http.MethodHead, at, nil).status, http.StatusNotFound)
	r.empty()
}

func TestUpload_M4AIsSharedAsWAV(t *testing.T) {
	program := filepath.Join(t.TempDir(), "ffmpeg")
	if err := os.WriteFile(program, []byte("#!/bin/sh\nyes a voice, of sorts | head -c 96000\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	r := newRig(t)
	r.s.converter = media.Converter{Path: program}
	page := r.page("user-1")
	data := m4a(t)
	at := page.create(protocol.RoleAudio, data)
	want(t, "status", page.patch(at, 0, data).status, http.StatusNoContent)
	m := r.book.all()[0].Media
	want(t, "type", m.Type, "audio/mp4")
	want(t, "digest", m.SHA256, sum(data))
	want(t, "shared type", m.SharedType, "audio/wav")
	want(t, "shared size", m.SharedSize, 44+96000)
	want(t, "duration of what is heard", m.Duration.Seconds(), 1)
	if m.SharedSHA256 == m.SHA256 {
		t.Error("the original itself is shared")
	}
}

func TestOpen_TakesTheConverterThatIsGivenOrInstalled(t *testing.T) {
	r := newRig(t)
	want(t, "installed", r.s.converter, media.FindConverter())
	given := media.Converter{Path: "/opt/ffmpeg"}
	o := Options{Dir: t.TempDir(), Blobs: r.s.blobs, Recorder: r.book, InUse: r.book.inUse, Converter: &given}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "given", s.converter, given)
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
