package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"illumi/server/internal/model"
)

func TestShare(t *testing.T) {
	r := newRig(t)
	owner := r.signedIn("owner@example.org", model.RoleResearcher)
	ids := r.enrol(model.Actor{UserID: owner.actor.UserID, Role: model.RoleAdmin}, "ann", "bob")
	p := r.project(owner.actor, "Shore", model.ForwardStraight)
	w := r.start(owner.actor, p, "Tides", ids...)
	r.answer(w, 1, "words")
	at := "/whispers/" + w.ID + "/share"
	owner.post(at, url.Values{"label": {" "}, "days": {"30"}}).has(t, http.StatusUnprocessableEntity, "label-problem")
	owner.post(at, url.Values{"label": {"The board"}, "days": {"400"}}).has(t, http.StatusUnprocessableEntity, "Choose 7, 30 or 90 days")
	made := owner.post(at, url.Values{"label": {"The board"}, "days": {"7"}})
	made.has(t, http.StatusOK, "The link is made", "The board", "not used yet")
	_, secret, _ := strings.Cut(made.body, "/s#")
	secret, _, _ = strings.Cut(secret, "<")

	guest := r.visitor()
	guest.get("/s/whisper").has(t, http.StatusNotFound, "does not work")
	guest.post("/s", url.Values{"token": {"nonsense"}}).has(t, http.StatusNotFound, "does not work, or does not work any more")
	if got := guest.post("/s", url.Values{"token": {"https://illumi.example.org/s#" + secret}}); got.status != http.StatusSeeOther || strings.Contains(got.header.Get("Location"), secret) {
		t.Fatalf("opening: %d %s", got.status, got.header.Get("Location"))
	}
	seen := guest.get("/s/whisper")
	seen.has(t, http.StatusOK, "Tides", "ann", "1 of 2 answered", "<audio")
	if seen.header.Get("X-Robots-Tag") == "" || seen.header.Get("Referrer-Policy") != "no-referrer" || strings.Contains(seen.body, secret) {
		t.Error("the page can be found, or tells its secret")
	}
	for _, foreign := range []string{"/whispers/", "/projects/", "owner@example.org", "Shore", "original"} {
		if strings.Contains(seen.body, foreign) {
			t.Errorf("the link shows %q", foreign)
		}
	}
	media := 0
	for _, part := range strings.Split(seen.body, `src="/s/media/`)[1:] {
		name, _, _ := strings.Cut(part, `"`)
		guest.get("/s/media/"+name).has(t, http.StatusOK)
		guest.get("/s/media/"+strings.Replace(name, "shared", "original", 1)).has(t, http.StatusNotFound)
		r.visitor().get("/s/media/"+name).has(t, http.StatusNotFound)
		media++
	}
	if media < 2 {
		t.Errorf("%d files are shown", media)
	}
	if got := guest.get("/whispers/" + w.ID); got.status == http.StatusOK {
		t.Error("the link opens the team's page")
	}
	links, err := r.relay.Shares(t.Context(), owner.actor, w.ID)
	r.must(err)
	if len(links) != 1 || links[0].LastUsedAt.IsZero() || strings.Contains(links[0].TokenHash, secret) {
		t.Errorf("links %+v", links)
	}
	other := r.signedIn("other@example.org", model.RoleResearcher)
	other.post("/shares/"+links[0].ID+"/revoke", nil).has(t, http.StatusNotFound)
	owner.post("/shares/"+links[0].ID+"/revoke", nil).has(t, http.StatusSeeOther)
	guest.get("/s/whisper").has(t, http.StatusNotFound, "any more")

	made = owner.post(at, url.Values{"label": {"No faces"}, "days": {"7"}, "hide": {"yes"}})
	_, secret, _ = strings.Cut(made.body, "/s#")
	secret, _, _ = strings.Cut(secret, "<")
	guest.post("/s", url.Values{"token": {secret}}).has(t, http.StatusSeeOther)
	if got := guest.get("/s/whisper"); strings.Contains(got.body, "<img") || !strings.Contains(got.body, "<audio") {
		t.Error("a link without pictures shows one, or nothing")
	}
	r.pass(7*24*time.Hour + time.Second)
	guest.get("/s/whisper").has(t, http.StatusNotFound)
}
