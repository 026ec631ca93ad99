package web

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"illumi/server/internal/model"
)

func TestPeople_InviteJoinAndEnd(t *testing.T) {
	r := newRig(t)
	admin := r.signedIn("admin@example.org", model.RoleAdmin)
	made := admin.post("/people/invite", url.Values{"email": {"new@example.org"}, "role": {"researcher"}})
	made.has(t, http.StatusOK, "The invitation is made", "new@example.org")
	found := regexp.MustCompile(`/join#([A-Z0-9-]+)`).FindStringSubmatch(made.body)
	if found == nil {
		t.Fatal("no link on the page")
	}
	if strings.Contains(admin.get("/people").body, found[1]) {
		t.Error("the link is shown twice")
	}
	guest := r.visitor()
	guest.get("/join").has(t, http.StatusOK, "One-time key")
	guest.post("/join", url.Values{"token": {found[1]}, "name": {"New"}, "password": {"short"}}).has(t, http.StatusUnprocessableEntity, "password-problem", found[1])
	guest.post("/join", url.Values{"token": {found[1]}, "name": {"New"}, "password": {password}}).has(t, http.StatusSeeOther)
	guest.get("/account").has(t, http.StatusOK, "new@example.org", "this browser", "Where you are signed in")
	guest.get("/people").has(t, http.StatusForbidden)
	guest.get("/account/session").has(t, http.StatusOK, `"longer":true`)
	guest.post("/account/password", url.Values{"old": {"wrong"}, "password": {"another long password"}}).has(t, http.StatusUnprocessableEntity, "old-problem")
	guest.post("/account/name", url.Values{"name": {"Newest"}}).has(t, http.StatusSeeOther)
	admin.get("/people").has(t, http.StatusOK, "Newest", "accepted")
	r.visitor().post("/join", url.Values{"token": {found[1]}, "name": {"Eve"}, "password": {password}}).has(t, http.StatusUnprocessableEntity, "token-problem")
	// Both answers are the same page, whether or not the address has an account.
	known := r.visitor().post("/reset", url.Values{"email": {"new@example.org"}})
	unknown := r.visitor().post("/reset", url.Values{"email": {"nobody@example.org"}})
	if known.status != http.StatusOK || known.body != unknown.body {
		t.Error("the answer tells whether an account exists")
	}
	r.visitor().get("/sign-in?password=new").has(t, http.StatusOK, "Your new password is kept. Sign in with it.")
	if page := r.visitor().get("/sign-in"); strings.Contains(page.body, "password is kept") {
		t.Error("every sign-in speaks of a new password")
	}
}
