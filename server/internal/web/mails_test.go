package web

import (
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"illumi/server/internal/model"
	"illumi/server/internal/store"
)

// Each kind of mail that there is has its words in the list.
func TestMailsPage_kinds(t *testing.T) {
	kind := regexp.MustCompile(`Kind\s+= "([a-z_]+)"`)
	for _, file := range []string{"kinds.go", "account.go"} {
		text, err := os.ReadFile("../mail/" + file)
		if err != nil {
			t.Fatal(err)
		}
		found := kind.FindAllSubmatch(text, -1)
		if len(found) == 0 {
			t.Fatalf("%s names no kind", file)
		}
		for _, k := range found {
			if mailAbout[string(k[1])] == "" {
				t.Errorf("the list of mails has no words for %s", k[1])
			}
		}
	}
}

func TestMailsPage(t *testing.T) {
	r := newRig(t)
	admin, owner := r.signedIn("admin@example.org", model.RoleAdmin), r.signedIn("owner@example.org", model.RoleResearcher)
	admin.get("/mails").has(t, http.StatusOK, "No mail yet")
	owner.get("/mails").has(t, http.StatusForbidden)
	if body := owner.get("/").body; strings.Contains(body, `href="/mails"`) {
		t.Error("the navigation shows the server's mails to a researcher")
	}

	sent := admin.post("/mails/test", url.Values{})
	sent.has(t, http.StatusSeeOther)
	var mail model.Mail
	r.must(r.db.Tx(t.Context(), func(tx *store.Tx) error {
		list, err := tx.Mails(t.Context(), "", 10, "")
		mail = list[0]
		return err
	}))
	page := "/mails?test=" + mail.ID
	admin.get(page).has(t, http.StatusOK, "Your test mail", "waits to be sent")
	state := func(fn func(tx *store.Tx) error) {
		t.Helper()
		r.must(r.db.Tx(t.Context(), fn))
	}
	state(func(tx *store.Tx) error {
		return tx.MailRetry(t.Context(), mail.ID, 1, r.clock().Add(time.Minute), "the mail server refused illumi's sign-in: 535 no")
	})
	admin.get(page).has(t, http.StatusOK, "not sent yet", "The mail server refused illumi&#39;s sign-in: 535 no", "user or the password in --mail")
	admin.get("/mails").has(t, http.StatusOK, "1 try, next try")
	state(func(tx *store.Tx) error {
		return tx.MailFailed(t.Context(), mail.ID, 2, "mail refused for good: the mail server refused it: sending SMTP RCPT TO command: 550 <b>no</b>")
	})
	admin.get("/mails").has(t, http.StatusOK, "1 mail on this page was not sent", "The mail server refused it: 550 &lt;b&gt;no&lt;/b&gt;", "Send it again")
	admin.post("/mails/"+mail.ID+"/again", url.Values{}).has(t, http.StatusSeeOther)
	admin.get("/mails").has(t, http.StatusOK, "not sent yet")
	state(func(tx *store.Tx) error { return tx.MailDone(t.Context(), mail.ID, r.clock()) })
	admin.get(page).has(t, http.StatusOK, "The mail server has taken it")
	owner.get(page).has(t, http.StatusForbidden)
	admin.get("/mails?after=nonsense").has(t, http.StatusNotFound)
}

func TestMailsPage_OfAProject(t *testing.T) {
	r := newRig(t)
	owner, stranger := r.signedIn("owner@example.org", model.RoleResearcher), r.signedIn("stranger@example.org", model.RoleResearcher)
	var u model.User
	r.must(r.db.View(t.Context(), func(tx *store.Tx) (err error) { u, err = tx.UserByEmail(t.Context(), "owner@example.org"); return err }))
	p := r.project(model.Actor{UserID: u.ID, Role: u.Role}, "Quay", model.ForwardStraight)
	at := "/projects/" + p.ID + "/mails"
	owner.get(at).has(t, http.StatusOK, "No mail yet", "Quay")
	owner.post(at+"/test", url.Values{}).has(t, http.StatusSeeOther)
	stranger.get(at).has(t, http.StatusNotFound)
	stranger.post(at+"/test", url.Values{}).has(t, http.StatusNotFound)

	owner.get("/projects/"+p.ID).has(t, http.StatusOK, `href="`+at+`"`)
	r.must(r.db.Tx(t.Context(), func(tx *store.Tx) error {
		list, err := tx.Mails(t.Context(), p.ID, 1, "")
		if err == nil {
			err = tx.MailFailed(t.Context(), list[0].ID, 1, "no")
		}
		return err
	}))
	owner.get("/projects/"+p.ID).has(t, http.StatusOK, "1 mail was not sent")

	for range mailsAtOnce {
		owner.post(at+"/test", url.Values{})
	}
	first := owner.get(at).body
	if n := strings.Count(first, `id="mail-`); n != mailsAtOnce {
		t.Errorf("%d mails on the first page, want %d", n, mailsAtOnce)
	}
	_, rest, _ := strings.Cut(first, at+"?after=")
	id, _, ok := strings.Cut(rest, `"`)
	if !ok {
		t.Fatal("no way to older mails")
	}
	if n := strings.Count(owner.get(at+"?after="+id).body, `id="mail-`); n != 1 {
		t.Errorf("%d mails on the second page, want 1", n)
	}
}

func TestMailsPage_WithoutMailServer(t *testing.T) {
	r := newRig(t)
	r.web.NoMail = true
	r.signedIn("admin@example.org", model.RoleAdmin).get("/mails").has(t, http.StatusOK, "No mail server is set", "--mail smtp://")
}
