package app

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"testing"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
	"illumi/server/internal/store"
)

// boss is an administrator of the database, to act for in relay.
func (r *rig) boss() model.Actor {
	r.t.Helper()
	u := must(r.CreateUser(r.t.Context(), "boss@example.org", "", model.RoleAdmin, password))(r.t)
	return model.Actor{UserID: u.ID, Role: model.RoleAdmin}
}

func (r *rig) past(box string) relay.BoxPast {
	r.t.Helper()
	return must(r.relay.BoxPast(r.t.Context(), model.Actor{Role: model.RoleAdmin}, box))(r.t)
}

func TestSocket_Reports(t *testing.T) {
	r := newRig(t)
	b := r.enrol("a")
	s, w := b.dial()
	if !w.Has(protocol.FeatureHealth) {
		t.Errorf("the welcome has %v", w.Features)
	}
	report := protocol.Report{ID: store.NewID(), Code: protocol.ReportMic, At: time.Now().UTC(), Detail: "all samples are zero"}
	for range 2 {
		s.say(protocol.TypeReport, report.ID, report)
		if a := s.ack(); a != (protocol.Ack{ID: report.ID}) {
			t.Errorf("a report was answered with %+v", a)
		}
	}
	for id, bad := range map[string]any{"x-1": protocol.Report{ID: "7"}, "x-2": map[string]any{"id": store.NewID(), "code": "E_MIC", "colour": "blue"}} {
		s.say(protocol.TypeReport, id, bad)
		if a := s.ack(); a.ID != id || a.Code != protocol.CodeInvalid {
			t.Errorf("a senseless report was answered with %+v", a)
		}
	}
	if past := r.past(b.id); len(past.Reports) != 1 || past.Reports[0].Detail != report.Detail {
		t.Errorf("kept are %+v", past.Reports)
	}
}

// A box is asked with every welcome until it has answered.
func TestSocket_RequestsUntilTheyAreAnswered(t *testing.T) {
	r := newRig(t)
	boss, b := r.boss(), r.enrol("a")
	asked := must(r.relay.AskBox(t.Context(), boss, b.id, protocol.TypeCheck, true))(t)
	hears := func(s socket) {
		t.Helper()
		var q protocol.Request
		if m := s.await(protocol.TypeCheck); protocol.Decode(m.Body, &q) != nil || q.Check() != nil || q.ID != asked.ID || !q.Aloud {
			t.Errorf("it is asked %+v %s", m, m.Body)
		}
	}
	s, _ := b.dial()
	hears(s)
	must(r.relay.AskBox(t.Context(), boss, b.id, protocol.TypeCheck, true))(t) // again, by somebody impatient
	hears(s)
	s.ws.Close()
	s, _ = b.dial()
	hears(s)
	check := protocol.Check{ID: store.NewID(), Kind: protocol.CheckDoctor, At: time.Now().UTC(), Request: asked.ID,
		Items: []protocol.CheckItem{{Part: "disk", Verdict: protocol.VerdictOK, Text: "12 GB are free."}}}
	var first, again protocol.CheckReceipt
	b.json("POST", protocol.PathChecks, check).into(t, &first)
	b.json("POST", protocol.PathChecks, check).into(t, &again)
	if first != again || first.Check() != nil {
		t.Errorf("receipts %+v and %+v", first, again)
	}
	check.Items[0].Verdict = "fine"
	b.json("POST", protocol.PathChecks, check).refused(t, http.StatusUnprocessableEntity, protocol.CodeInvalid)
	s.ws.Close()
	s, _ = b.dial()
	s.say(protocol.TypePing, "p", nil)
	if m := s.read(); m.Type != protocol.TypePong {
		t.Errorf("an answered request came again: %+v", m)
	}
}

func TestClips_ForTheirBoxAlone(t *testing.T) {
	r := newRig(t)
	boss, b, other := r.boss(), r.enrol("a"), r.enrol("b")
	s, _ := b.dial()
	up := must(r.uploads.Accept(t.Context(), boss.UserID, "user", protocol.RoleAudio, bytes.NewReader(wav(1, 440)), 1<<20))(t)
	if err := r.relay.SetClip(t.Context(), boss, b.id, "new", up.ID); err != nil {
		t.Fatal(err)
	}
	var settings protocol.Settings
	if m := s.await(protocol.TypeSettings); protocol.Decode(m.Body, &settings) != nil || settings.Check() != nil || settings.Clips == "" {
		t.Errorf("the box is told %s", m.Body)
	}
	var list protocol.Clips
	b.do("GET", protocol.PathClips, nil).into(t, &list)
	if list.Check() != nil || len(list.Clips) != 1 || list.Set != settings.Clips {
		t.Fatalf("the list is %+v", list)
	}
	at := protocol.PathClips + "/" + list.Clips[0].SHA256
	whole := b.do("GET", at, nil)
	if whole.status != http.StatusOK || digest(whole.body) != list.Clips[0].SHA256 || int64(len(whole.body)) != list.Clips[0].Size || whole.header.Get("ETag") == "" {
		t.Errorf("%d, %d bytes, %v", whole.status, len(whole.body), whole.header)
	}
	if part := b.with("Range", "bytes=44-").do("GET", at, nil); part.status != http.StatusPartialContent || len(part.body) != len(whole.body)-44 {
		t.Errorf("a range: %d, %d bytes", part.status, len(part.body))
	}
	other.do("GET", at, nil).refused(t, http.StatusNotFound, protocol.CodeNotFound)
	b.do("GET", protocol.PathClips+"/..", nil).refused(t, http.StatusNotFound, protocol.CodeNotFound)
	b.do("GET", protocol.PathMedia+list.Clips[0].SHA256, nil).refused(t, http.StatusNotFound, protocol.CodeNotFound)
	other.do("GET", protocol.PathClips, nil).into(t, &list)
	if list.Set != "" || len(list.Clips) != 0 {
		t.Errorf("another box gets %+v", list)
	}
}

// What a box says of its health is kept as it said it.
func TestSocket_StatusWithHealth(t *testing.T) {
	r := newRig(t)
	b := r.enrol("a")
	s, w := b.dial()
	heat := 48.5
	s.say(protocol.TypeStatus, "s-1", protocol.Status{State: "IDLE", InForce: &w.Settings,
		Health: &protocol.Health{Undervoltage: protocol.Yes, Throttled: protocol.Unknown, Temperature: &heat, Camera: "imx708"}})
	if a := s.ack(); a.Code != "" {
		t.Errorf("a status was answered with %+v", a)
	}
	r.presence.Flush(t.Context())
	st := r.device(b.id).Status
	if st.Health == nil || st.Health.Undervoltage != protocol.Yes || *st.Health.Temperature != heat || st.Health.Camera != "imx708" || *st.InForce != w.Settings {
		t.Errorf("kept is %+v", st)
	}
}

// sentence sends a recording by the page's plain form.
func (c client) sentence(box, key, name string, recording []byte) answer {
	c.r.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	err := w.WriteField("key", key)
	if err == nil {
		var part io.Writer
		if part, err = w.CreateFormFile("file", name); err == nil {
			_, err = part.Write(recording)
		}
	}
	if err = errors.Join(err, w.Close()); err != nil {
		c.r.t.Fatal(err)
	}
	return c.with("Content-Type", w.FormDataContentType()).do("POST", "/boxes/"+box+"/clips", &body)
}

func TestClips_ByThePagesForm(t *testing.T) {
	r := newRig(t)
	b := r.enrol("a")
	admin := r.person("admin@example.org", model.RoleAdmin)
	long := wav(31, 300)
	for name, tc := range map[string]struct {
		key, file string
		recording []byte
		status    int
		words     string
	}{
		"good":           {"new", "a.wav", wav(20, 440), http.StatusSeeOther, ""}, // over the limit of other forms
		"too long":       {"new", "a.wav", long, http.StatusUnprocessableEntity, "This recording is too long for a sentence."},
		"nothing chosen": {"new", "", nil, http.StatusUnprocessableEntity, "No recording came."},
		"no sentence":    {"shout", "a.wav", wav(1, 440), http.StatusUnprocessableEntity, "Boxes have no such sentence."},
		"silence":        {"new", "a.wav", wav(2, 0), http.StatusUnprocessableEntity, `id="file-problem"`},
		"a text":         {"new", "a.wav", []byte("hello"), http.StatusUnprocessableEntity, `id="file-problem"`},
		"too large":      {"new", "a.wav", append(wav(1, 440), make([]byte, 11_000_000)...), http.StatusUnprocessableEntity, `id="file-problem"`},
	} {
		t.Run(name, func(t *testing.T) {
			got := admin.sentence(b.id, tc.key, tc.file, tc.recording)
			if got.status != tc.status || !bytes.Contains(got.body, []byte(tc.words)) {
				t.Errorf("answered %d, want %d and %q", got.status, tc.status, tc.words)
			}
		})
	}
	var list protocol.Clips
	b.do("GET", protocol.PathClips, nil).into(t, &list)
	if len(list.Clips) != 1 || list.Clips[0].Key != "new" {
		t.Fatalf("the list is %+v", list)
	}
	played := admin.do("GET", "/boxes/"+b.id+"/clips/new", nil)
	if played.status != http.StatusOK || digest(played.body) != list.Clips[0].SHA256 || played.header.Get("Content-Type") != "audio/wav" {
		t.Errorf("played: %d %v", played.status, played.header)
	}
	if got := admin.form("/boxes/"+b.id+"/clips/new/remove", nil); got.status != http.StatusSeeOther {
		t.Errorf("removed: %d", got.status)
	}
	b.do("GET", protocol.PathClips, nil).into(t, &list)
	if len(list.Clips) != 0 {
		t.Errorf("after that the list is %+v", list)
	}
}
