package app

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net"
	"net/http"
	"testing"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
)

// Lines that have stalled in the midst of an answer keep no other home out.
func TestFirstGen_stalledLines(t *testing.T) {
	r := newRig(t)
	old := r.firstGen("old", lab)
	whisper := r.person("owner@example.org", model.RoleResearcher).start("straight", old)
	for range 8 {
		conn := must(net.Dial("tcp", r.addr))(t)
		t.Cleanup(func() { _ = conn.Close() })
		_, err := fmt.Fprintf(conn, "POST /uploadWhisper HTTP/1.1\r\nHost: %s\r\nContent-Length: 100000\r\nContent-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n", r.addr)
		if err != nil {
			t.Fatal(err)
		}
	}
	body, kind := multipartOf(t, map[string][]string{"username": {"old"}, "whisper_id": {whisper}}, wav(1, 300))
	req := must(http.NewRequestWithContext(t.Context(), "POST", r.url+"/uploadWhisper", body))(t)
	req.Header.Set("Content-Type", kind)
	patient := http.Client{Timeout: 20 * time.Second}
	res := must(patient.Do(req))(t)
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("answered %d", res.StatusCode)
	}
}

// A picture that nobody can open does not cost the story that came with it.
func TestFirstGen_brokenPicture(t *testing.T) {
	r := newRig(t)
	old := r.firstGen("old", lab)
	whisper := r.person("owner@example.org", model.RoleResearcher).start("straight", old)
	form := func() (*bytes.Buffer, string) {
		var body bytes.Buffer
		w := multipart.NewWriter(&body)
		for _, f := range []struct{ field, name, content string }{
			{"image_file", "i.jpg", "\xff\xd8\xff\xe0 broken off"}, {"audio_file", "a.wav", string(wav(1, 300))},
		} {
			part := must(w.CreateFormFile(f.field, f.name))(t)
			must(part.Write([]byte(f.content)))(t)
		}
		for name, value := range map[string]string{"username": "old", "whisper_id": whisper} {
			if err := w.WriteField(name, value); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return &body, w.FormDataContentType()
	}
	for range 2 { // the second time as the first
		body, kind := form()
		if got := r.nobody().with("Content-Type", kind).do("POST", "/uploadWhisper", body); got.status != http.StatusOK {
			t.Fatalf("answered %d %s", got.status, got.body)
		}
	}
	v := must(r.relay.Whisper(t.Context(), operator, whisper))(t)
	if v.Whisper.State != model.WhisperComplete || len(v.Replies) != 1 || v.Replies[0].Facts.Photo != "failed" || v.Replies[0].State != protocol.ReplyAccepted {
		t.Errorf("the whisper is %s with %+v", v.Whisper.State, v.Replies)
	}
}
