package web

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"illumi/server/internal/model"
)

var shownToken = regexp.MustCompile(`ilm_[A-Z2-7]{40}`)

// A token is shown once, works, and ends with its revocation.
func TestTokens_page(t *testing.T) {
	r := newRig(t)
	v := r.signedIn("ada@example.org", model.RoleResearcher)
	p := r.project(v.actor, "Harbour", model.ForwardStraight)
	foreign := r.project(r.signedIn("other@example.org", model.RoleResearcher).actor, "Secret study", model.ForwardStraight)
	v.get("/account/tokens").has(t, http.StatusOK, "Make a token", "Harbour", `value="read" checked`)
	for field, form := range map[string]url.Values{
		"name": {"name": {""}, "scope": {"read"}, "days": {"7"}}, "scope": {"name": {"x"}, "days": {"7"}},
		"days": {"name": {"x"}, "scope": {"read"}, "days": {"8"}},
	} {
		v.post("/account/tokens", form).has(t, http.StatusUnprocessableEntity, `id="`+field+`-problem"`)
	}
	v.post("/account/tokens", url.Values{"name": {"x"}, "scope": {"read"}, "days": {"7"}, "project": {foreign.ID}}).has(t, http.StatusNotFound)
	made := v.post("/account/tokens", url.Values{"name": {"<i>script"}, "scope": {"read", "media"}, "days": {"30"}, "project": {p.ID}})
	made.has(t, http.StatusOK, "The token is made", "&lt;i&gt;script", "May: see, hear and look, in <bdi>Harbour</bdi>", "Never used")
	text := shownToken.FindString(made.body)
	who, err := r.auth.AuthenticateToken(t.Context(), "Bearer "+text, "192.0.2.1")
	if err != nil || who.UserID != v.actor.UserID || who.Project != p.ID {
		t.Fatalf("%q stands for %+v: %v", text, who, err)
	}
	again := v.get("/account/tokens")
	again.has(t, http.StatusOK, "Last used", "works")
	if strings.Contains(again.body, "ilm_") || strings.Contains(again.body, foreign.Title) {
		t.Error("the page tells too much")
	}
	v.post("/account/tokens/"+who.Token+"/revoke", nil).has(t, http.StatusSeeOther)
	v.get("/account/tokens").has(t, http.StatusOK, "revoked")
	if _, err := r.auth.AuthenticateToken(t.Context(), "Bearer "+text, "192.0.2.1"); err == nil {
		t.Error("a revoked token works")
	}
}

// A webhook's secret is shown once; its log says in words what became of each message.
func TestHooks_pages(t *testing.T) {
	r := newRig(t)
	r.web.HookSecret = func(id string) string { return "whsec_of_" + id }
	v := r.signedIn("ada@example.org", model.RoleResearcher)
	p := r.project(v.actor, "Harbour", model.ForwardStraight)
	at := "/projects/" + p.ID + "/hooks"
	v.get(at).has(t, http.StatusOK, "No webhook yet")
	v.post(at, url.Values{"url": {"nowhere"}, "type": {"complete"}}).has(t, http.StatusUnprocessableEntity, `id="url-problem"`, `value="nowhere"`, `value="complete" checked`)
	made := v.post(at, url.Values{"url": {"https://example.org/<x>"}, "type": {"received", "complete"}})
	made.has(t, http.StatusOK, "The webhook is made", "whsec_of_", "Told of: received, complete", "https://example.org/&lt;x&gt;")
	if strings.Contains(v.get(at).body, "whsec_") {
		t.Error("the secret is shown again")
	}
	hooks, err := r.relay.Hooks(t.Context(), v.actor, p.ID)
	r.must(err)
	one := "/hooks/" + hooks[0].ID
	v.get(one).has(t, http.StatusOK, "Nothing yet")
	v.post(one+"/test", nil).has(t, http.StatusSeeOther)
	v.get(one).has(t, http.StatusOK, "waits to be sent", "<h3>test</h3>")
	d, _, _, _, err := r.relay.NextDelivery(t.Context(), "w", time.Minute)
	r.must(err)
	r.must(r.relay.FinishDelivery(t.Context(), d, "w", 503, "The address answered 503."))
	v.get(one).has(t, http.StatusOK, "not taken yet", "The address answered 503.", "1 try, answered 503, next try")
	v.post("/deliveries/"+d.ID+"/again", nil).has(t, http.StatusSeeOther)
	v.get(one).has(t, http.StatusOK, "sent once more")
	v.post(one+"/off", nil).has(t, http.StatusSeeOther)
	v.get(one).has(t, http.StatusOK, "Switch it on", "nothing is kept for it")
	v.post(one+"/delete", nil).has(t, http.StatusSeeOther)
	v.get(at).has(t, http.StatusOK, "No webhook yet")
}
