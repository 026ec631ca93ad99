package auth

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestSession_Cookie(t *testing.T) {
	for _, secure := range []bool{false, true} {
		r := newRig(t, secure)
		r.withAnn(t)
		b := newBrowser(t, r.site())
		if status := b.signIn(annPass); status != http.StatusSeeOther {
			t.Fatalf("status %d", status)
		}
		prefix := ""
		if secure {
			prefix = "__Host-"
		}
		seen := map[string]int{}
		for _, c := range b.last.Cookies() {
			seen[c.Name]++
			if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.Secure != secure {
				t.Errorf("secure %v: %s", secure, c.Raw)
			}
		}
		if len(seen) != 2 || seen[prefix+"illumi"] != 1 || seen[prefix+"illumi-known"] != 1 {
			t.Errorf("secure %v: cookies %v", secure, seen)
		}
		if len(b.jar[prefix+"illumi"]) != 43 {
			t.Errorf("a token of %d characters, want 256 bits", len(b.jar[prefix+"illumi"]))
		}
		if !b.signedIn() {
			t.Error("not signed in")
		}
	}
}

// T12: a token from before the sign-in is worth nothing after it.
func TestSession_FixationAndRenewal(t *testing.T) {
	r := newRig(t, false)
	r.withAnn(t)
	h := r.site()
	victim := newBrowser(t, h)
	victim.jar["illumi"] = "planted-by-somebody-else"
	if status := victim.signIn(annPass); status != http.StatusSeeOther {
		t.Fatal(status)
	}
	first := victim.jar["illumi"]
	if first == "planted-by-somebody-else" {
		t.Fatal("the planted token was kept")
	}
	thief := newBrowser(t, h)
	thief.jar["illumi"] = "planted-by-somebody-else"
	if thief.signedIn() {
		t.Error("the planted token is signed in")
	}
	if status := victim.signIn(annPass); status != http.StatusSeeOther {
		t.Fatal(status)
	}
	thief.jar["illumi"] = first
	if victim.jar["illumi"] == first || thief.signedIn() {
		t.Error("the token of before lives on")
	}
	if !victim.signedIn() {
		t.Error("the new one does not")
	}
}

func TestSession_EndsWithSignOutPasswordAndDisabling(t *testing.T) {
	r := newRig(t, false)
	r.withAnn(t)
	h := r.site()
	here, there := newBrowser(t, h), newBrowser(t, h)
	enter := func() {
		t.Helper()
		for _, b := range []*browser{here, there} {
			if status, body := b.do("POST", "/begin", nil); status != http.StatusOK {
				t.Fatal(status, body)
			}
		}
	}
	alive := func(b *browser, want bool) {
		t.Helper()
		if b.signedIn() != want {
			t.Errorf("signed in: %v, want %v", !want, want)
		}
	}

	enter()
	token := here.jar["illumi"]
	if status, _ := here.do("POST", "/sign-out", nil); status != http.StatusNoContent {
		t.Fatal(status)
	}
	if _, left := here.jar["illumi"]; left {
		t.Error("the cookie stayed")
	}
	here.jar["illumi"] = token
	alive(here, false)
	alive(there, true)

	enter()
	token = here.jar["illumi"]
	if _, body := here.do("GET", "/recheck", nil); body != "true" {
		t.Errorf("recheck of a live session: %s", body)
	}
	if err := r.SetPassword(t.Context(), annMail, "another long password"); err != nil {
		t.Fatal(err)
	}
	alive(here, false)
	alive(there, false)
	here.jar["illumi"] = token
	alive(here, false)
	if status := here.signIn(annPass); status != http.StatusUnauthorized {
		t.Errorf("the old password: %d", status)
	}
	if status := here.signIn("another long password"); status != http.StatusSeeOther {
		t.Errorf("the new password: %d", status)
	}

	enter()
	if err := r.Disable(t.Context(), annMail); err != nil {
		t.Fatal(err)
	}
	alive(here, false)
	alive(there, false)
}

// A password that changes while a sign-in with the old one is under way.
func TestBegin_SeesAChangedPassword(t *testing.T) {
	r := newRig(t, false)
	u := r.withAnn(t)
	if err := r.SetPassword(t.Context(), annMail, "another long password"); err != nil {
		t.Fatal(err)
	}
	ctx := r.visiting(t)
	if err := r.Begin(ctx, u); err == nil {
		t.Error("the session began")
	}
	if _, ok := UserFrom(ctx); ok {
		t.Error("signed in")
	}
}

func TestRecheck(t *testing.T) {
	r := newRig(t, false)
	u := r.withAnn(t)
	ctx := r.visiting(t)
	if ok, err := r.Recheck(ctx); ok || err != nil {
		t.Errorf("nobody: %v, %v", ok, err)
	}
	if err := r.Begin(ctx, u); err != nil {
		t.Fatal(err)
	}
	if ok, err := r.Recheck(ctx); !ok || err != nil {
		t.Errorf("signed in: %v, %v", ok, err)
	}
	if err := r.Disable(t.Context(), annMail); err != nil {
		t.Fatal(err)
	}
	if ok, err := r.Recheck(ctx); ok || err != nil {
		t.Errorf("disabled: %v, %v", ok, err)
	}
}

// scs writes its cookie with the first byte: an error must be rendered inside.
func TestSessions_ErrorSetsOneCookie(t *testing.T) {
	r := newRig(t, false)
	r.withAnn(t)
	b := newBrowser(t, r.site())
	status, body := b.do("POST", "/begin-then-fail", nil)
	if status != http.StatusInternalServerError || !strings.Contains(body, "failed after") || strings.Count(body, "failed after") != 1 {
		t.Errorf("%d %q", status, body)
	}
	n := 0
	for _, c := range b.last.Cookies() {
		if c.Name == "illumi" {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d session cookies, want 1", n)
	}
}

func TestSessions_DatabaseAway(t *testing.T) {
	r := newRig(t, false)
	r.withAnn(t)
	b := newBrowser(t, r.site())
	if status, _ := b.do("POST", "/begin", nil); status != http.StatusOK {
		t.Fatal(status)
	}
	if err := r.store.Close(); err != nil {
		t.Fatal(err)
	}
	status, body := b.do("GET", "/me", nil)
	if status != http.StatusInternalServerError || !strings.Contains(body, "load the session") {
		t.Errorf("%d %q", status, body)
	}
}

func TestSession_Lifetimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, false)
		r.withAnn(t)
		h := r.site()
		b := newBrowser(t, h)
		begin := func() {
			t.Helper()
			if status, body := b.do("POST", "/begin", nil); status != http.StatusOK {
				t.Fatal(status, body)
			}
		}
		begin()
		time.Sleep(time.Minute)
		if !b.signedIn() || len(b.last.Cookies()) != 0 {
			t.Error("a request soon after the last one writes the session again")
		}
		time.Sleep(idle - 2*time.Minute)
		if !b.signedIn() || len(b.last.Cookies()) == 0 {
			t.Error("ended, or not moved on, although it was used")
		}
		time.Sleep(idle + time.Minute)
		if b.signedIn() {
			t.Error("lives on after the idle limit")
		}

		begin()
		start := time.Now()
		for time.Since(start) < absolute-11*time.Hour {
			if !b.signedIn() {
				t.Fatalf("ended after %v", time.Since(start))
			}
			time.Sleep(11 * time.Hour)
		}
		if !b.signedIn() || absolute-time.Since(start) >= idle {
			t.Fatalf("not in use shortly before the absolute limit, after %v", time.Since(start))
		}
		time.Sleep(absolute - time.Since(start) + time.Second)
		if b.signedIn() {
			t.Error("lives on after the absolute limit")
		}
		if err := r.store.Close(); err != nil { // inside the bubble, which waits for its goroutines
			t.Error(err)
		}
	})
}

func TestCrossOrigin(t *testing.T) {
	r := newRig(t, false)
	e := r.site()
	guard, err := CrossOrigin("https://illumi.example.org")
	if err != nil {
		t.Fatal(err)
	}
	e.Use(guard)
	for _, c := range []struct {
		method, site, origin string
		refused              bool
	}{
		{"POST", "cross-site", "", true},
		{"POST", "cross-site", "https://evil.example", true},
		{"POST", "same-site", "", true},
		{"POST", "", "https://evil.example", true},
		{"POST", "", "null", true},
		{"POST", "", "https://illumi.example.org.evil.example", true},
		{"DELETE", "cross-site", "", true},
		{"PUT", "", "http://example.com:81", true},
		{"POST", "same-origin", "", false},
		{"POST", "none", "", false},
		{"POST", "", "", false}, // a box
		{"POST", "", "http://example.com", false},
		{"POST", "cross-site", "https://illumi.example.org", false}, // trusted
		{"GET", "cross-site", "", false},
	} {
		b := newBrowser(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if c.site != "" {
				req.Header.Set("Sec-Fetch-Site", c.site)
			}
			if c.origin != "" {
				req.Header.Set("Origin", c.origin)
			}
			e.ServeHTTP(w, req)
		}))
		status, _ := b.do(c.method, "/sign-out", url.Values{})
		if (status == http.StatusForbidden) != c.refused {
			t.Errorf("%+v: %d", c, status)
		}
	}
	if _, err := CrossOrigin("not an origin/"); err == nil {
		t.Error("a malformed origin was taken")
	}
}
