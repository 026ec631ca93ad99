package web

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/web/assets"
)

func TestSetup_onceAndInOut(t *testing.T) {
	r := newRig(t)
	v := r.visitor()
	v.get("/").has(t, http.StatusSeeOther)
	v.get("/setup").has(t, http.StatusOK, `name="token"`)
	form := url.Values{"token": {"wrong"}, "name": {"Ada"}, "email": {"ada@example.org"}, "password": {password}}
	v.post("/setup", form).has(t, http.StatusUnprocessableEntity, `id="token-problem"`, `value="ada@example.org"`, "<title>Please check")
	form.Set("token", r.setup)
	for field, bad := range map[string]string{"email": "ada", "password": "short", "name": " "} {
		wrong := url.Values{}
		for k := range form {
			wrong.Set(k, form.Get(k))
		}
		wrong.Set(field, bad)
		v.post("/setup", wrong).has(t, http.StatusUnprocessableEntity, `id="`+field+`-problem"`, `aria-describedby="`)
	}
	if got := v.post("/setup", form); got.status != http.StatusSeeOther || got.header.Get("Location") != "/" {
		t.Fatalf("%d %s", got.status, got.body)
	}
	v.get("/").has(t, http.StatusOK, "Nothing is on its way yet", "Ada")
	v.post("/sign-out", nil).has(t, http.StatusSeeOther)
	v.get("/").has(t, http.StatusSeeOther)
	again := r.visitor()
	again.post("/setup", form).has(t, http.StatusConflict, "It has its administrator already.", `href="/sign-in"`)
	again.get("/setup").has(t, http.StatusOK, "It has its administrator already.", `href="/sign-in"`)
	if got := again.get("/boxes"); got.header.Get("Location") != "/sign-in?next=%2Fboxes" {
		t.Errorf("sent to %q", got.header.Get("Location"))
	}
	again.post("/sign-in", url.Values{"email": {"ada@example.org"}, "password": {"not it, not it"}, "next": {"/boxes"}}).
		has(t, http.StatusUnprocessableEntity, `role="alert"`, `value="ada@example.org"`, `value="/boxes"`)
	got := again.post("/sign-in", url.Values{"email": {"ada@example.org"}, "password": {password}, "next": {"/boxes"}})
	if got.status != http.StatusSeeOther || got.header.Get("Location") != "/boxes" {
		t.Errorf("%d to %q", got.status, got.header.Get("Location"))
	}
	if got := again.get("/sign-in"); got.status != http.StatusSeeOther {
		t.Errorf("who is signed in is asked to sign in: %d", got.status)
	}
}

func TestProjects(t *testing.T) {
	r := newRig(t)
	v := r.signedIn("ada@example.org", model.RoleResearcher)
	for _, tt := range []struct{ title, forwarding, minutes, field string }{
		{"", "straight", "", "title"}, {strings.Repeat("x", 81), "straight", "", "title"}, {"x", "after_pause", "ten", "minutes"},
		{"x", "after_pause", "0", "minutes"}, {"x", "after_pause", "NaN", "minutes"}, {"x", "after_pause", "1e9", "minutes"},
		{"x", "after_pause", "0.0001", "minutes"}, {"x", "sideways", "", "forwarding"},
	} {
		got := v.post("/projects", url.Values{"title": {tt.title}, "forwarding": {tt.forwarding}, "minutes": {tt.minutes}})
		got.has(t, http.StatusUnprocessableEntity, `id="`+tt.field+`-problem"`, `name="minutes" inputmode="decimal" size="5" value="`+tt.minutes+`"`)
	}
	got := v.post("/projects", url.Values{"title": {"<b>Harbour"}, "forwarding": {"after_pause"}, "minutes": {"2.5"}})
	got.has(t, http.StatusSeeOther)
	v.get(got.header.Get("Location")).has(t, http.StatusOK, "&lt;b&gt;Harbour", "after a pause of 2:30", "No whisper has set out yet")
	v.get("/").has(t, http.StatusOK, "no whisper yet")
	for range listLength {
		r.project(v.actor, "more", model.ForwardStraight)
	}
	page := v.get("/")
	page.has(t, http.StatusOK, "Older projects")
	_, next, _ := strings.Cut(page.body, `href="/?after=`)
	next, _, _ = strings.Cut(next, `"`)
	v.get("/?after="+next).has(t, http.StatusOK, "&lt;b&gt;Harbour")
}

// An installer comes to put boxes into homes: the page has what they may do, and nothing else.
func TestBoxes_installer(t *testing.T) {
	r := newRig(t)
	v := r.signedIn("ines@example.org", model.RoleInstaller)
	v.get("/").has(t, http.StatusSeeOther)
	page := v.get("/boxes")
	page.has(t, http.StatusOK, `action="/boxes/codes"`, "Make a code above")
	for _, no := range []string{"Your administrator", ">People</a>", ">Mails</a>"} {
		if strings.Contains(page.body, no) {
			t.Errorf("the page has %q", no)
		}
	}
	v.post("/boxes/codes", url.Values{"name": {"janeeyre"}}).has(t, http.StatusOK, "illumi-agent enroll", "Open codes")
	r.enrol(v.actor, "ann")
	v.get("/boxes").has(t, http.StatusOK, "Revoke ann?")
	rosa := r.signedIn("rosa@example.org", model.RoleResearcher)
	rosa.get("/").has(t, http.StatusOK, "Ask your administrator for boxes")
	r.signedIn("root@example.org", model.RoleAdmin).get("/").has(t, http.StatusOK, "Enrol a box")
	page = rosa.get("/boxes")
	if strings.Contains(page.body, "Revoke") || strings.Contains(page.body, `action="/boxes/codes"`) {
		t.Error("a researcher is offered what only those who look after boxes may do")
	}
	p := r.project(rosa.actor, "Shore", model.ForwardStraight)
	rosa.post("/projects/"+p.ID+"/people", url.Values{"email": {"ines@example.org"}, "role": {"viewer"}}).has(t, http.StatusOK)
	v.get("/").has(t, http.StatusOK, "Shore") // who has a part in a project finds it
}

func TestStart_keepsWhatWasTyped(t *testing.T) {
	r := newRig(t)
	admin := r.signedIn("root@example.org", model.RoleAdmin)
	v := r.signedIn("ada@example.org", model.RoleResearcher)
	boxes := r.enrol(admin.actor, "ann", "ben")
	p := r.project(v.actor, "Harbour", model.ForwardStraight)
	at := "/projects/" + p.ID + "/start"
	v.get(at).has(t, http.StatusOK, "ann", "not online yet", `name="key" value="`)
	audio := PathUploads + r.upload(v.actor.UserID, protocol.RoleAudio, "seed").Upload
	foreign := PathUploads + r.upload(admin.actor.UserID, protocol.RoleAudio, "not mine").Upload
	good := url.Values{
		"title": {"Gulls"}, "audio": {audio}, "audio_name": {"gulls & co.wav"}, "box": boxes, "count": {"2"}, "key": {"k"}, "seed": {""},
	}
	for _, tt := range []struct {
		field string
		bad   []string
	}{
		{"title", []string{"\x00"}}, {"audio", []string{""}}, {"audio", []string{foreign}}, {"boxes", nil}, {"boxes", []string{"nonsense"}},
		{"count", []string{"51"}}, {"count", []string{"many"}}, {"count", []string{"-1"}}, {"count", []string{"0"}}, {"seed", []string{"5eed"}}, {"image", []string{PathUploads + "gone"}},
	} {
		form := url.Values{}
		for k, vs := range good {
			form[k] = vs
		}
		name := tt.field
		if name == "boxes" {
			name = "box"
		}
		form[name] = tt.bad
		got := v.post(at, form)
		got.has(t, http.StatusUnprocessableEntity, `id="`+tt.field+`-problem"`, "autofocus")
		if tt.field == "count" {
			got.has(t, http.StatusUnprocessableEntity, "Choose 1 to 50.")
		}
		if tt.field != "audio" {
			got.has(t, http.StatusUnprocessableEntity, `value="`+audio+`"`, "gulls &amp; co.wav")
		}
		if tt.field != "title" {
			got.has(t, http.StatusUnprocessableEntity, `value="Gulls"`)
		}
		if n := strings.Count(got.body, " checked") - 1; name != "box" && n != 2 {
			t.Errorf("%s: %d boxes are still chosen", tt.field, n)
		}
	}
	if rows, err := r.relay.Whispers(t.Context(), v.actor, p.ID, "", 10); err != nil || len(rows) != 0 {
		t.Fatalf("%d whispers after refusals, %v", len(rows), err)
	}
	v.post(at, good).has(t, http.StatusSeeOther)
	v.post(at, good).has(t, http.StatusSeeOther) // the same form again
	rows, err := r.relay.Whispers(t.Context(), v.actor, p.ID, "", 10)
	if err != nil || len(rows) != 2 {
		t.Fatalf("%d whispers, want 2; %v", len(rows), err)
	}
	page := v.get("/projects/" + p.ID)
	page.has(t, http.StatusOK, "Gulls 1", "Gulls 2", "0 of 2 answered", "waits until the box is online")
}

func TestWhisper_page(t *testing.T) {
	r := newRig(t)
	admin := r.signedIn("root@example.org", model.RoleAdmin)
	v := r.signedIn("ada@example.org", model.RoleResearcher)
	w := r.start(v.actor, r.project(v.actor, "Harbour", model.ForwardPause), "Gulls", r.enrol(admin.actor, "ann", "ben")...)
	at := "/whispers/" + w.ID
	v.get(at).has(t, http.StatusOK, "0 of 2 answered", "waits until the box is online", `id="pause"`, "has not been online yet. The whisper waits")
	r.answer(w, 1, "hello")
	part := v.get(at, "HX-Request", "true")
	part.has(t, http.StatusOK, "1 of 2 answered", "answered, goes on after the pause", `id="hop-1"`)
	if strings.Contains(part.body, "<html") {
		t.Error("a fragment is a whole page")
	}
	checkFragment(t, "chain", part.body)
	v.post(at+"/pause", nil).has(t, http.StatusSeeOther)
	v.get(at).has(t, http.StatusOK, "paused", "waits until the whisper goes on", `id="resume"`)
	v.post(at+"/resume", nil).has(t, http.StatusSeeOther)
	v.post(at+"/sideways", nil).has(t, http.StatusNotFound)
	v.post(at+"/end", nil).has(t, http.StatusSeeOther)
	v.get(at).has(t, http.StatusOK, "ended early")
	v.post(at+"/pause", nil).has(t, http.StatusConflict, "Somebody was quicker")
	var doc whisperDoc
	if err := json.Unmarshal([]byte(v.get(at+"/whisper.json").body), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.State != "ended" || len(doc.Hops) != 2 || len(doc.Hops[0].Files) != 2 || len(doc.Hops[1].Files) != 0 || len(doc.Origin.Files) != 4 {
		t.Errorf("whisper.json: %+v", doc)
	}
}

func TestMedia(t *testing.T) {
	r := newRig(t)
	admin := r.signedIn("root@example.org", model.RoleAdmin)
	v := r.signedIn("ada@example.org", model.RoleResearcher)
	stranger := r.signedIn("eve@example.org", model.RoleResearcher)
	w := r.start(v.actor, r.project(v.actor, "Harbour", model.ForwardPause), "Gulls", r.enrol(admin.actor, "ann")...)
	at := "/whispers/" + w.ID + "/media/"
	got := v.get(at + "00_audio_shared.wav")
	got.has(t, http.StatusOK)
	if got.body != "shared seed Gulls" || got.header.Get("Content-Type") != "audio/wav" || got.header.Get("X-Content-Type-Options") != "nosniff" ||
		!strings.HasPrefix(got.header.Get("Content-Disposition"), "inline;") || !strings.Contains(got.header.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("%q %v", got.body, got.header)
	}
	if got := v.get(at+"00_audio_shared.wav", "Range", "bytes=7-10"); got.status != http.StatusPartialContent || got.body != "seed" {
		t.Errorf("a range: %d %q", got.status, got.body)
	}
	if got := v.get(at+"00_audio_shared.wav", "If-None-Match", got.header.Get("ETag")); got.status != http.StatusNotModified {
		t.Errorf("known bytes: %d", got.status)
	}
	if got := v.get(at + "00_image_original.jpg"); got.status != http.StatusOK || !strings.HasPrefix(got.header.Get("Content-Disposition"), "attachment;") {
		t.Errorf("the original: %d %v", got.status, got.header)
	}
	first := r.answer(w, 1, "hello")
	answered := v.get(at + "01_audio_shared.wav")
	answered.has(t, http.StatusOK, "shared hello")
	if _, err := r.relay.TakeBack(t.Context(), w.Hops[0].DeviceID, w.Hops[0].ID, first.Reply); err != nil {
		t.Fatal(err)
	}
	v.get(at+"01_audio_shared.wav").has(t, http.StatusNotFound)
	second := r.answer(w, 1, "hello again")
	v.get(at+"01_audio_shared.wav", "If-None-Match", answered.header.Get("ETag")).has(t, http.StatusOK, "shared hello again")
	v.get(at+"01_audio_shared.wav?reply="+second.Reply).has(t, http.StatusOK, "shared hello again")
	v.get(at+"01_audio_shared.wav?reply="+first.Reply).has(t, http.StatusNotFound)
	if page := v.get("/whispers/" + w.ID); !strings.Contains(page.body, "01_audio_shared.wav?reply="+second.Reply) {
		t.Error("the page does not name the answer itself")
	}
	for _, name := range []string{"00_audio_shared.mp3", "00_audio_shared", "02_audio_shared.wav", "x", "..%2f..%2fillumi.db"} {
		v.get(at+name).has(t, http.StatusNotFound)
	}
	stranger.get(at+"00_audio_shared.wav").has(t, http.StatusNotFound)
	admin.get(at+"00_audio_shared.wav").has(t, http.StatusOK)
	r.visitor().get(at+"00_audio_shared.wav").has(t, http.StatusSeeOther)
}

func TestBoxes_codesAndRoles(t *testing.T) {
	r := newRig(t)
	admin := r.signedIn("root@example.org", model.RoleAdmin)
	v := r.signedIn("ada@example.org", model.RoleResearcher)
	admin.get("/boxes").has(t, http.StatusOK, "There is no box yet", "Make a code")
	made := admin.post("/boxes/codes", url.Values{"name": {"ann"}})
	made.has(t, http.StatusOK, "sudo illumi-agent enroll https://illumi.example.org ", `id="new-code"`)
	if strings.Contains(made.body, `id="replaced"`) {
		t.Error("a first code is said to replace another")
	}
	again := admin.get("/boxes")
	again.has(t, http.StatusOK, "Open codes", "ann")
	if strings.Contains(again.body, `id="new-code"`) {
		t.Error("a code is shown a second time")
	}
	_, code, _ := strings.Cut(again.body, `id="code-`)
	code, _, _ = strings.Cut(code, `"`)
	admin.post("/boxes/codes/"+code+"/revoke", nil).has(t, http.StatusSeeOther)
	admin.post("/boxes/codes/"+code+"/revoke", nil).has(t, http.StatusConflict)
	admin.get("/boxes").has(t, http.StatusOK, "Used and past codes (1)")
	ids := r.enrol(admin.actor, "ben")
	admin.post("/boxes/codes", url.Values{"name": {"ben"}}).has(t, http.StatusUnprocessableEntity, `id="name-problem"`, `value="ben"`)
	admin.post("/boxes/codes", url.Values{"name": {"cy"}}).has(t, http.StatusOK, `id="new-code"`)
	admin.post("/boxes/codes", url.Values{"name": {"CY"}}).has(t, http.StatusOK, `id="replaced"`)
	page := v.get("/boxes")
	page.has(t, http.StatusOK, "ben", "not online yet")
	for _, no := range []string{"Make a code", "Revoke", "codes"} {
		if strings.Contains(page.body, no) {
			t.Errorf("a researcher is offered %q", no)
		}
	}
	v.post("/boxes/codes", url.Values{"name": {"eve"}}).has(t, http.StatusForbidden, "Only an administrator or an installer")
	if got := v.get("/boxes/codes"); got.status != http.StatusSeeOther || got.header.Get("Location") != "/boxes" {
		t.Errorf("the address of a new code: %d, %s", got.status, got.header.Get("Location"))
	}
	v.post("/boxes/"+ids[0]+"/revoke", nil).has(t, http.StatusForbidden)
	if err := r.relay.SeenMany(t.Context(), map[string]model.Sighting{ids[0]: {At: r.clock(), Connected: true}}); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		after time.Duration
		word  string
	}{{0, ">online<"}, {2 * time.Minute, ">away<"}, {25 * time.Hour, ">dark<"}} {
		r.pass(step.after)
		got := v.get("/boxes", "HX-Request", "true")
		got.has(t, http.StatusOK, step.word)
		if seen := strings.Contains(got.body, "last seen"); seen == (step.after == 0) {
			t.Errorf("%s: last seen: %v", step.word, seen)
		}
	}
	if err := r.relay.OtherBoard(t.Context(), ids[0]); err != nil {
		t.Fatal(err)
	}
	admin.get("/boxes").has(t, http.StatusOK, "Two boxes used this identity")
	admin.post("/boxes/"+ids[0]+"/revoke", nil).has(t, http.StatusSeeOther)
	v.get("/boxes").has(t, http.StatusOK, ">revoked<")
}

func TestOthersProjects_areNotThere(t *testing.T) {
	r := newRig(t)
	admin := r.signedIn("root@example.org", model.RoleAdmin)
	v := r.signedIn("ada@example.org", model.RoleResearcher)
	eve := r.signedIn("eve@example.org", model.RoleResearcher)
	p := r.project(v.actor, "Harbour", model.ForwardStraight)
	w := r.start(v.actor, p, "Gulls", r.enrol(admin.actor, "ann")...)
	for _, path := range []string{"/projects/" + p.ID, "/projects/" + p.ID + "/start", "/projects/" + p.ID + "/live", "/whispers/" + w.ID, "/whispers/" + w.ID + "/live", "/whispers/" + w.ID + "/whisper.json"} {
		eve.get(path).has(t, http.StatusNotFound, "This page is not here")
		eve.get(path, "HX-Request", "true").has(t, http.StatusNotFound)
		r.visitor().get(path).has(t, http.StatusSeeOther)
		r.visitor().get(path, "HX-Request", "true").has(t, http.StatusUnauthorized)
	}
	for _, path := range []string{"/projects/" + p.ID + "/start", "/whispers/" + w.ID + "/pause", "/whispers/" + w.ID + "/end"} {
		r.visitor().post(path, nil).has(t, http.StatusUnauthorized, "You are not signed in")
	}
	eve.post("/whispers/"+w.ID+"/end", nil).has(t, http.StatusNotFound)
	eve.get("/").has(t, http.StatusOK, "Nothing is on its way yet")
	admin.get("/").has(t, http.StatusOK, "Harbour", "has waited", "Gulls")
	part := eve.get("/projects/"+p.ID, "HX-Request", "true")
	if strings.Contains(part.body, "<") {
		t.Errorf("a fragment's refusal has markup: %s", part.body)
	}
}

// stream reads a live page's events.
func stream(t *testing.T, v *visitor, path string) func() string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, v.server.URL+path, nil)
	v.must(err)
	req.Header.Set("Accept", "text/event-stream")
	res, err := v.client.Do(req)
	v.must(err)
	t.Cleanup(func() { _ = res.Body.Close() })
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%d %v", res.StatusCode, res.Header)
	}
	lines := bufio.NewScanner(res.Body)
	return func() string {
		for lines.Scan() {
			if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				return name
			}
		}
		return "end"
	}
}

func TestLive_tellsOfChanges(t *testing.T) {
	r := newRig(t)
	admin := r.signedIn("root@example.org", model.RoleAdmin)
	p := r.project(admin.actor, "Harbour", model.ForwardStraight)
	w := r.start(admin.actor, p, "Gulls", r.enrol(admin.actor, "ann")...)
	for _, path := range []string{"/whispers/" + w.ID + "/live", "/projects/" + p.ID + "/live"} {
		next := stream(t, admin, path)
		if got := next(); got != "changed" {
			t.Fatalf("%s begins with %q", path, got)
		}
		r.must(r.relay.Pause(t.Context(), admin.actor, w.ID))
		if got := next(); got != "changed" {
			t.Fatalf("%s: after a change comes %q", path, got)
		}
		r.must(r.relay.Resume(t.Context(), admin.actor, w.ID))
	}
	next := stream(t, admin, "/boxes/live")
	next()
	r.enrol(admin.actor, "ben")
	if got := next(); got != "changed" {
		t.Fatalf("after a new box comes %q", got)
	}
	r.stop() // shutdown
	if got := next(); got != "end" {
		t.Errorf("at shutdown comes %q", got)
	}
}

func TestLive_endsWithTheSession(t *testing.T) {
	r := newRig(t)
	r.web.round = 10 * time.Millisecond
	v := r.signedIn("ada@example.org", model.RoleResearcher)
	next := stream(t, v, "/boxes/live")
	if got := next(); got != "changed" {
		t.Fatalf("the stream begins with %q", got)
	}
	if got := next(); got != "changed" {
		t.Fatalf("while the session stands comes %q", got)
	}
	other := *v
	other.post("/sign-out", nil).has(t, http.StatusSeeOther)
	last := ""
	for range 100 {
		if last = next(); last != "changed" {
			break
		}
	}
	if last != "over" || next() != "end" {
		t.Errorf("after signing out comes %q", last)
	}
}

func TestAssets(t *testing.T) {
	r := newRig(t)
	v := r.visitor()
	v.get("/assets/no-such.js").has(t, http.StatusNotFound)
	v.get("/assets/").has(t, http.StatusNotFound)
	v.get("/assets/..%2fengine.go").has(t, http.StatusNotFound)
	name := assets.Path("app.css")
	if name == "app.css" {
		t.Skip("this checkout has no bundle; scripts/build makes it")
	}
	got := v.get("/assets/"+name, "Accept-Encoding", "identity")
	if got.status != http.StatusOK || !strings.Contains(got.header.Get("Cache-Control"), "immutable") || got.header.Get("Content-Type") != "text/css; charset=utf-8" {
		t.Errorf("%d %v", got.status, got.header)
	}
	packed := v.get("/assets/"+name, "Accept-Encoding", "gzip")
	if packed.header.Get("Content-Encoding") != "gzip" || len(packed.body) >= len(got.body) {
		t.Errorf("not packed: %v", packed.header)
	}
	if got := v.get("/assets/licences.txt"); got.status != http.StatusOK || strings.Contains(got.header.Get("Cache-Control"), "immutable") {
		t.Errorf("the licences: %d %v", got.status, got.header)
	}
}

func TestPages_closeTheirDoors(t *testing.T) {
	r := newRig(t)
	v := r.signedIn("ada@example.org", model.RoleResearcher)
	for _, path := range []string{"/", "/boxes", "/no-such-page"} {
		h := v.get(path).header
		if h.Get("Content-Security-Policy") != policy || !strings.Contains(h.Get("Cache-Control"), "no-store") {
			t.Errorf("%s: %v", path, h)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("the policy %q lets anything in", policy)
	}
}
