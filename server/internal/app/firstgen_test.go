package app

import (
	"bytes"
	"context"
	"encoding/json"
	"image"
	"image/jpeg"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
)

const lab = "127.0.0.0/8"

func (r *rig) firstGen(name, networks string) box {
	r.t.Helper()
	d, err := r.relay.AddFirstGen(r.t.Context(), operator, name, networks)
	if err != nil {
		r.t.Fatal(err)
	}
	return box{client: r.nobody(), id: d.ID, name: name}
}

type pythonSaid struct {
	Push   map[string]string `json:"push"`
	Got    map[string]int    `json:"got"`
	Answer map[string]string `json:"answer"`
}

// A whisper from a new box by two of the first generation to a new box, with
// clients in Python as they were.
func TestFirstGen_unchangedClients(t *testing.T) {
	python := os.Getenv("ILLUMI_TEST_PYTHON")
	if python == "" {
		t.Skip("ILLUMI_TEST_PYTHON names no Python with websocket-client and requests; scripts/test sets it")
	}
	r := newRig(t)
	first, last := r.enrol("first"), r.enrol("last")
	owner := r.person("owner@example.org", model.RoleResearcher)
	old := map[string]string{r.firstGen("old one", lab).id: "username", r.firstGen("old two", lab).id: "pi_incoming_username"}
	whisper := owner.start("straight", first, last, box{id: oldID(old, 0)}, box{id: oldID(old, 1)})

	dir := t.TempDir()
	photo := filepath.Join(dir, "photo.jpg")
	var picture bytes.Buffer
	if err := jpeg.Encode(&picture, image.NewGray(image.Rect(0, 0, 64, 48)), nil); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(photo, picture.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	view := must(r.relay.Whisper(ctx, operator, whisper))(t)
	for i, h := range view.Whisper.Hops {
		if key, ok := old[h.DeviceID]; ok {
			said := r.runPython(ctx, python, view.Boxes[h.DeviceID].Name, key, filepath.Join(dir, "answer.wav"), photo, float64(500+100*i))
			if said.Push["whisper_id"] != whisper || said.Push["project_id"] != view.Project.ID || said.Push["timestamp"] == "" || said.Got["audio_url"] == 0 {
				t.Errorf("turn %d: %+v", h.Position, said)
			}
			continue
		}
		b := first
		if h.DeviceID == last.id {
			b = last
		}
		o := b.offer()
		if got := b.do("PUT", replyAt(o.Hop), jsonOf(b.answer(o, wav(1, float64(500+100*i))))); got.status != 200 {
			t.Fatalf("turn %d: %d %s", h.Position, got.status, got.body)
		}
	}
	done := must(r.relay.Whisper(ctx, operator, whisper))(t)
	if done.Whisper.State != model.WhisperComplete || len(done.Replies) != 4 {
		t.Errorf("the whisper is %s with %d answers", done.Whisper.State, len(done.Replies))
	}
	for _, h := range done.Whisper.Hops {
		if _, ok := old[h.DeviceID]; ok && (h.DeliveredAt.IsZero() || h.State != model.HopApproved) {
			t.Errorf("turn %d of an old box: %+v", h.Position, h)
		}
	}
}

func oldID(old map[string]string, n int) string {
	for id, key := range old {
		if key == []string{"username", "pi_incoming_username"}[n] {
			return id
		}
	}
	return ""
}

func jsonOf(v any) *bytes.Reader {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return bytes.NewReader(b)
}

func (r *rig) runPython(ctx context.Context, python, name, key, answer, photo string, hertz float64) pythonSaid {
	r.t.Helper()
	if err := os.WriteFile(answer, wav(1, hertz), 0o600); err != nil {
		r.t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, python, "testdata/first_gen_client.py", r.url, name, key, answer, photo)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		r.t.Fatalf("%s: %v\n%s", name, err, complaint.String())
	}
	var said pythonSaid
	if err := json.Unmarshal(out, &said); err != nil {
		r.t.Fatal(err)
	}
	return said
}

// Who is not in a box's network finds nothing, not even that there is something.
func TestFirstGen_fence(t *testing.T) {
	r := newRig(t)
	asks := func() (status []int) {
		for _, at := range []string{"GET /echo", "POST /uploadWhisper", "GET /uploads/" + strings.Repeat("a", 32) + ".wav"} {
			method, path, _ := strings.Cut(at, " ")
			status = append(status, r.nobody().do(method, path, nil).status)
		}
		return status
	}
	want := func(what string, all ...int) {
		t.Helper()
		got := asks()
		for i := range all {
			if got[i] != all[i] {
				t.Errorf("%s: %v, want %v", what, got, all)
				return
			}
		}
	}
	want("no such box", 404, 404, 404)
	r.firstGen("elsewhere", "10.9.0.0/16")
	want("a box of another network", 404, 404, 404)
	near := r.firstGen("near", lab)
	want("a box of this network", 400, 422, 404)
	if err := r.relay.RevokeBox(t.Context(), operator, near.id); err != nil {
		t.Fatal(err)
	}
	want("removed", 404, 404, 404)
	for _, networks := range []string{"", "0.0.0.0/0", "10.0.0.0/7", "::/0", "nonsense", "192.168.1.0/33"} {
		if _, err := r.relay.AddFirstGen(t.Context(), operator, "x", networks); err == nil {
			t.Errorf("%q was taken as a fence", networks)
		}
	}
	if _, err := r.relay.AddFirstGen(t.Context(), model.Actor{Role: model.RoleResearcher, UserID: "u"}, "x", lab); err == nil {
		t.Error("a researcher made a box without a secret")
	}
}

// A name without a secret opens nothing of a new box, and nobody else's turn.
func TestFirstGen_namesAreNotKeys(t *testing.T) {
	r := newRig(t)
	r.firstGen("old", lab)
	young := r.enrol("young")
	owner := r.person("owner@example.org", model.RoleResearcher)
	whisper := owner.start("straight", young)
	for name, fields := range map[string]url.Values{
		"a new box's name": {"username": {"young"}, "whisper_id": {whisper}},
		"nobody's name":    {"username": {"ghost"}, "whisper_id": {whisper}},
		"no turn":          {"username": {"old"}, "whisper_id": {whisper}},
		"no whisper":       {"username": {"old"}},
	} {
		body, kind := multipartOf(t, fields, wav(1, 300))
		got := r.nobody().with("Content-Type", kind).do("POST", "/uploadWhisper", body)
		if got.status < 400 || got.status >= 500 {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	if o := young.offer(); o.State != protocol.OfferOpen {
		t.Errorf("the turn is %s", o.State)
	}
	if list, err := os.ReadDir(filepath.Join(r.cfg.Data, "firstgen")); err != nil || len(list) != 0 {
		t.Errorf("refused files are left: %d, %v", len(list), err)
	}
	if a := r.nobody().with("Authorization", "Bearer first generation").do("GET", protocol.PathOffers, nil); a.status != http.StatusUnauthorized {
		t.Errorf("the place of a secret is one: %d", a.status)
	}
}

func multipartOf(t *testing.T, fields url.Values, audio []byte) (*bytes.Reader, string) {
	t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	part, err := w.CreateFormFile("audio_file", "a.wav") // before the texts: any order is fine
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write(audio); err != nil {
		t.Fatal(err)
	}
	for name, values := range fields {
		if err := w.WriteField(name, values[0]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(body.Bytes()), w.FormDataContentType()
}
