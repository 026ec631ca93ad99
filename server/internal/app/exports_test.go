package app

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"strings"
	"testing"
	"time"

	"illumi/server/internal/model"
)

// download opens a ZIP that the server sent and proves its manifest.
func download(t *testing.T, body []byte) map[string][]byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, f := range z.File {
		in := must(f.Open())(t)
		files[f.Name] = must(io.ReadAll(in))(t)
	}
	for line := range strings.Lines(string(files["manifest-sha256.txt"])) {
		digest, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		if sum := sha256.Sum256(files[name]); hex.EncodeToString(sum[:]) != digest {
			t.Errorf("%s is damaged", name)
		}
	}
	return files
}

// A whole whisper over the wire, taken away at once and by the worker.
func TestExport(t *testing.T) {
	r := newRig(t)
	b := r.enrol("box")
	owner := r.person("owner@example.org", model.RoleResearcher)
	whisper := owner.start("straight", b)
	project := r.projectOf(whisper)
	at := "/projects/" + project
	got := owner.do("GET", at+"/export.zip?what=media", nil)
	if got.status != 200 || !strings.Contains(got.header.Get("Content-Disposition"), "attachment") {
		t.Fatalf("%d %s", got.status, got.body)
	}
	media := 0
	for name := range download(t, []byte(got.body)) {
		if strings.HasPrefix(name, "media/") {
			media++
		}
	}
	if media == 0 {
		t.Error("the seed's recording is not there")
	}
	if a := owner.do("GET", at+"/export.zip?what=media&since=nonsense", nil); a.status != 422 || !strings.Contains(string(a.body), "not a date") {
		t.Errorf("a wrong date: %d", a.status)
	}
	if a := owner.with("Content-Type", "application/x-www-form-urlencoded").do("POST", at+"/exports", strings.NewReader("what=data")); a.status != 303 {
		t.Fatalf("prepare: %d %s", a.status, a.body)
	}
	list := must(r.relay.Prepared(t.Context(), operator, project))(t)
	if len(list) != 1 {
		t.Fatalf("%d exports", len(list))
	}
	id := list[0].ID
	for deadline := time.Now().Add(20 * time.Second); list[0].State != model.PreparedReady; list = must(r.relay.Prepared(t.Context(), operator, project))(t) {
		if time.Now().After(deadline) {
			t.Fatalf("the export is %s", list[0].State)
		}
		time.Sleep(10 * time.Millisecond)
	}
	got = owner.do("GET", "/exports/"+id+"/export.zip", nil)
	if got.status != 200 || int64(len(got.body)) != list[0].Size {
		t.Fatalf("fetch: %d, %d bytes of %d", got.status, len(got.body), list[0].Size)
	}
	for name := range download(t, []byte(got.body)) {
		if strings.HasPrefix(name, "media/") {
			t.Errorf("%s was not asked for", name)
		}
	}
	if a := r.person("other@example.org", model.RoleResearcher).do("GET", "/exports/"+id+"/export.zip", nil); a.status != 404 {
		t.Errorf("somebody else: %d", a.status)
	}
	if a := owner.do("POST", "/exports/"+id+"/delete", nil); a.status != 303 {
		t.Errorf("delete: %d", a.status)
	}
	if a := owner.do("GET", "/exports/"+id+"/export.zip", nil); a.status != 404 {
		t.Errorf("deleted: %d", a.status)
	}
}
