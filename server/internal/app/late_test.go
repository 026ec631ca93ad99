package app

import (
	"archive/zip"
	"bytes"
	"io"
	"strings"
	"testing"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
	"illumi/server/internal/route"
)

// A late answer is heard on the page and taken along in an export, also when
// its turn has moved since: somebody told it, and nobody may have to search for it.
func TestLateAnswer_OfATurnThatMoved(t *testing.T) {
	r := newRig(t)
	boxes := map[string]box{}
	for _, name := range []string{"a", "b", "reserve"} {
		b := r.enrol(name)
		boxes[b.id] = b
		boxes[name] = b
	}
	owner := r.person("owner@example.org", model.RoleResearcher)
	whisper := owner.start("straight", boxes["a"], boxes["b"])
	hops := func() []model.Hop { return must(r.relay.Whisper(t.Context(), operator, whisper))(t).Whisper.Hops }
	decide := func(h model.Hop, do route.Decision, device string) {
		t.Helper()
		must(r.relay.Decide(t.Context(), operator, whisper, relay.Decision{
			Hop: h.ID, Epoch: h.Epoch, Decisions: h.Course.Decisions, Do: do, Device: device,
		}))(t)
	}
	first := boxes[hops()[0].DeviceID]
	offer := first.offer()
	decide(hops()[0], route.Postpone, "")
	late := first.answer(offer, wav(1, 660))
	var receipt protocol.Receipt
	first.json("PUT", replyAt(offer.Hop), late).into(t, &receipt)
	if receipt.State != protocol.ReplyLate {
		t.Fatalf("the answer is %s", receipt.State)
	}
	decide(hops()[0], route.Replace, boxes["reserve"].id) // the turn that was put off comes third now
	if h := hops(); h[2].DeviceID != first.id {
		t.Fatalf("the turns are %+v", h)
	}

	page := string(owner.do("GET", "/whispers/"+whisper, nil).body)
	_, rest, ok := strings.Cut(page, "_audio_shared.wav?reply="+late.ID)
	if !ok || rest == "" {
		t.Error("the page does not play the late answer")
	}
	zipped := owner.do("GET", "/projects/"+r.projectOf(whisper)+"/export.zip?what=media", nil).body
	z := must(zip.NewReader(bytes.NewReader(zipped), int64(len(zipped))))(t)
	for _, name := range []string{"turns.csv", "study.json"} {
		f := must(z.Open(name))(t)
		if text := string(must(io.ReadAll(f))(t)); !strings.Contains(text, digest(wav(1, 660))) {
			t.Errorf("%s does not name the late answer's recording", name)
		}
	}
	for _, f := range z.File {
		if strings.Contains(f.Name, "_late-") && !strings.Contains(f.Name, "/03_") {
			t.Errorf("the late answer of turn 3 is called %s", f.Name)
		}
	}
}
