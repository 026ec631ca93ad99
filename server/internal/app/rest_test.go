package app

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"illumi/protocol"
	"illumi/server/internal/auth"
	"illumi/server/internal/model"
	"illumi/server/internal/store"
)

// study is a server with programs at work: the owner's, a stranger's, and one
// of the owner that may only read.
type study struct {
	*rig
	owner, stranger, reader client
	project, whisper        string
	boxes                   []box
	tokens                  map[string]string
}

func newStudy(t *testing.T, change ...func(*Config)) *study {
	t.Helper()
	s := &study{rig: newRig(t, change...), tokens: map[string]string{}}
	for name, scopes := range map[string][]model.Scope{"owner": model.Scopes(), "stranger": model.Scopes(), "admin": model.Scopes()} {
		role := model.RoleResearcher
		if name == "admin" {
			role = model.RoleAdmin
		}
		u := must(s.CreateUser(t.Context(), name+"@example.org", name, role, password))(t)
		s.token(name, model.Actor{UserID: u.ID, Role: role}, scopes)
		if name == "owner" {
			s.token("reader", model.Actor{UserID: u.ID, Role: role}, []model.Scope{model.ScopeRead})
		}
	}
	s.owner, s.stranger, s.reader = s.with("owner"), s.with("stranger"), s.with("reader")
	s.boxes = []box{s.enrol("one"), s.enrol("two")}
	var p struct{ ID string }
	s.owner.json("POST", "/api/v1/projects", map[string]any{"title": "Harbour"}).json(t, 201, &p)
	s.project = p.ID
	s.whisper = s.begin("Gulls")
	return s
}

func (s *study) token(name string, who model.Actor, scopes []model.Scope) {
	s.t.Helper()
	text, row, err := s.auth.MakeToken(s.t.Context(), who, auth.TokenRequest{Name: name, Scopes: scopes, Lifetime: auth.TokenLifetimes()[0]})
	if err != nil {
		s.t.Fatal(err)
	}
	s.tokens[name], s.tokens[name+"/id"] = text, row.ID
}

func (s *study) with(name string) client {
	return s.nobody().with("Authorization", "Bearer "+s.tokens[name], "Content-Type", "application/json")
}

func (a answer) json(t *testing.T, status int, v any) {
	t.Helper()
	if a.status != status {
		t.Fatalf("answered %d %s, want %d", a.status, a.body, status)
	}
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
}

// send uploads a whole file in one request.
func (s *study) send(data []byte) answer {
	s.t.Helper()
	b64 := base64.StdEncoding.EncodeToString
	return s.owner.with("Tus-Resumable", "1.0.0", "Upload-Length", fmt.Sprint(len(data)), "Content-Type", "application/offset+octet-stream",
		"Upload-Metadata", "role "+b64([]byte("audio"))+",sha256 "+b64([]byte(digest(data)))).do("POST", "/api/v1/uploads/", bytes.NewReader(data))
}

func (s *study) start(title, key string) answer {
	s.t.Helper()
	up := s.send(wav(1, 440))
	if up.status != http.StatusCreated {
		s.t.Fatalf("upload: %d %s", up.status, up.body)
	}
	body := map[string]any{"title": title, "audio": path.Base(up.header.Get("Location")), "boxes": []string{s.boxes[0].id, s.boxes[1].id}}
	return s.owner.with("Idempotency-Key", key).json("POST", "/api/v1/projects/"+s.project+"/whispers", body)
}

func (s *study) begin(title string) string {
	s.t.Helper()
	var got struct{ Whispers []struct{ ID string } }
	s.start(title, "").json(s.t, 201, &got)
	return got.Whispers[0].ID
}

func TestREST_StartsOnceByKey(t *testing.T) {
	s := newStudy(t)
	up := s.send(wav(1, 440))
	body := map[string]any{"title": "Terns", "audio": path.Base(up.header.Get("Location")), "boxes": []string{s.boxes[0].id, s.boxes[1].id}}
	start := func() answer {
		return s.owner.with("Idempotency-Key", "k").json("POST", "/api/v1/projects/"+s.project+"/whispers", body)
	}
	var first, second struct{ Whispers []struct{ ID string } }
	start().json(t, 201, &first)
	start().json(t, 201, &second)
	if len(first.Whispers) != 1 || first.Whispers[0] != second.Whispers[0] {
		t.Errorf("started %v and %v", first, second)
	}
	body["title"] = "Gulls"
	start().refused(t, 422, protocol.CodeInvalid)
	s.start("Terns", "k").refused(t, 422, protocol.CodeInvalid) // of another upload
	var other struct{ ID string }
	s.owner.json("POST", "/api/v1/projects", map[string]any{"title": "Shore"}).json(t, 201, &other)
	body["title"] = "Terns"
	elsewhere := s.owner.with("Idempotency-Key", "k").json("POST", "/api/v1/projects/"+other.ID+"/whispers", body)
	if elsewhere.refused(t, 422, protocol.CodeInvalid); !strings.Contains(string(elsewhere.body), "with a key of its own") {
		t.Errorf("a program is told: %s", elsewhere.body)
	}
	s.start("Terns", "l").json(t, 201, &second)
	if first.Whispers[0] == second.Whispers[0] {
		t.Error("another key starts nothing")
	}
}

// Every operation answers as the document says: to those who may, to nobody, to
// a token without the scope, to a stranger, and to what does not fit.
func TestREST_EveryOperation(t *testing.T) {
	s := newStudy(t)
	admin := s.with("admin")
	var doc huma.OpenAPI
	served := s.nobody().do("GET", "/api/v1/openapi.json", nil)
	if err := json.Unmarshal(served.body, &struct{ Paths any }{}); err != nil || served.status != 200 {
		t.Fatalf("the document: %d %v", served.status, err)
	}
	doc = *s.rest.OpenAPI()
	real, bodies := s.furnished(admin)
	// Those that anybody with the scope may do, or only an administrator; of the rest a stranger sees nothing.
	everybody := []string{"me", "overview", "list-projects", "create-project", "list-boxes", "get-box", "list-box-checks", "list-box-reports", "list-tokens", "get-sign-up"}
	adminOnly := []string{"list-codes", "create-code", "revoke-code", "revoke-box", "change-box", "ask-box", "erase-box", "add-first-generation-box",
		"list-people", "change-person", "list-invitations", "invite-person", "set-sign-up", "list-all-mails", "test-mail"}
	last := []string{"end-whisper", "delete-hook", "revoke-token", "revoke-box", "remove-member", "delete-export"}
	var walk, after []*huma.Operation
	for _, item := range doc.Paths {
		for _, o := range []*huma.Operation{item.Get, item.Head, item.Post, item.Put, item.Patch, item.Delete} {
			switch {
			case o == nil || o.Tags[0] == "device" || o.OperationID == "stream-events" || o.OperationID == "upload":
			case slices.Contains(last, o.OperationID):
				after = append(after, o)
			default:
				walk = append(walk, o)
			}
		}
	}
	slices.SortFunc(after, func(a, b *huma.Operation) int { return strings.Compare(a.OperationID, b.OperationID) }) // the token in the end
	for _, o := range append(walk, after...) {
		at := "/api/v1" + real.Replace(o.Path)
		call := func(c client, body map[string]any) answer {
			if body == nil {
				return c.do(o.Method, at, nil)
			}
			return c.json(o.Method, at, body)
		}
		body := bodies[o.OperationID]
		expect := func(name string, got answer, want int) {
			t.Helper()
			if got.status != want {
				t.Errorf("%s: %s was answered %d %s, want %d", o.OperationID, name, got.status, got.body, want)
			}
			s.fits(t, &doc, o, got)
		}
		if o.Method != http.MethodHead { // whose refusals have no body to look at
			expect("nobody", call(s.nobody().with("Content-Type", "application/json"), body), 401)
			expect("a box", call(s.boxes[0].with("Content-Type", "application/json"), body), 401)
		}
		who := s.owner
		switch {
		case slices.Contains(adminOnly, o.OperationID):
			expect("a researcher", call(s.owner, body), 403)
			who = admin
		case o.OperationID == "revoke-token":
			expect("another token", call(s.stranger, body), 403)
		case !slices.Contains(everybody, o.OperationID):
			expect("a stranger", call(s.stranger, body), 404)
		}
		sees := o.Method == "GET" || o.Method == "HEAD"
		forbidden := []string{"list-hooks", "list-deliveries", "list-mails", "export-project", "get-file", "list-exports", "get-export", "fetch-export",
			"get-settings", "list-links", "list-project-invitations"}
		if (!sees || slices.Contains(forbidden, o.OperationID)) && !slices.Contains(adminOnly, o.OperationID) {
			expect("a token that may read", call(s.reader, body), 403)
		}
		if body != nil {
			worse := map[string]any{"surprise": 1}
			for k, v := range body {
				worse[k] = v
			}
			expect("an unknown field", call(who, worse), 422)
			expect("an empty body", call(who, map[string]any{}), 422)
		}
		if o.Method == "GET" && o.OperationID != "get-file" {
			bad := at
			at += "?surprise=1"
			expect("an unknown parameter", call(who, nil), 422)
			at = bad
		}
		got := call(who, body)
		want := 0
		for status := range o.Responses {
			if status < "400" {
				want = must(strconv.Atoi(status))(t)
			}
		}
		expect("who may", got, want)
	}
}

// furnished makes one of everything that an operation can name, and a body for
// each that takes one.
func (s *study) furnished(admin client) (*strings.Replacer, map[string]map[string]any) {
	t := s.t
	t.Helper()
	at := "/api/v1/projects/" + s.project
	var w struct {
		Origin []struct{ ID string }
		Hops   []struct{ ID, Version string }
	}
	s.owner.do("GET", "/api/v1/whispers/"+s.whisper, nil).json(t, 200, &w)
	type named struct{ ID string }
	var hook, delivery, code, link, export named
	s.owner.json("POST", at+"/hooks", map[string]any{"url": "https://example.org/", "types": []string{model.EventLateFull}}).json(t, 201, &hook)
	s.owner.json("POST", "/api/v1/hooks/"+hook.ID+"/disable", nil).json(t, 200, &struct{}{})
	s.owner.do("POST", "/api/v1/hooks/"+hook.ID+"/test", nil).json(t, 202, &delivery)
	s.owner.json("POST", "/api/v1/hooks/"+hook.ID+"/enable", nil).json(t, 200, &struct{}{})
	admin.json("POST", "/api/v1/codes", map[string]any{"name": "next"}).json(t, 201, &code)
	s.owner.json("POST", "/api/v1/whispers/"+s.whisper+"/links", map[string]any{"label": "a friend"}).json(t, 201, &link)
	var invited struct{ Invitation named }
	s.owner.json("POST", at+"/people", map[string]any{"email": "new@example.org", "role": "viewer"}).json(t, 201, &invited)
	mate := must(s.CreateUser(t.Context(), "mate@example.org", "Mate", model.RoleResearcher, password))(t)
	s.member(s.project, "mate@example.org", model.ProjectViewer, time.Time{})
	s.owner.json("POST", at+"/exports", map[string]any{"what": "data"}).json(t, 202, &export)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		var now struct{ State string }
		if s.owner.do("GET", "/api/v1/exports/"+export.ID, nil).json(t, 200, &now); now.State == "ready" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the export is %s", now.State)
		}
	}
	mail := model.Mail{ID: store.NewID(), To: "owner@example.org", ProjectID: s.project, Kind: "test", Subject: "S", Text: "T", MessageID: "<m@example.org>", CreatedAt: time.Now()}
	if err := s.store.Tx(t.Context(), func(tx *store.Tx) error {
		if err := tx.AddMail(t.Context(), mail, "a failed one"); err != nil {
			return err
		}
		return tx.MailFailed(t.Context(), mail.ID, 3, "nobody there")
	}); err != nil {
		t.Fatal(err)
	}
	spare := s.enrol("spare")
	real := strings.NewReplacer("{project}", s.project, "{whisper}", s.whisper, "{file}", w.Origin[0].ID, "{hop}", w.Hops[0].ID, "{box}", spare.id, "{code}", code.ID,
		"{hook}", hook.ID, "{delivery}", delivery.ID, "{token}", s.tokens["owner/id"], "{link}", link.ID, "{invitation}", invited.Invitation.ID,
		"{user}", mate.ID, "{export}", export.ID, "{mail}", mail.ID)
	return real, map[string]map[string]any{
		"create-project": {"title": "Another"}, "create-hook": {"url": "https://example.org/h"}, "create-code": {"name": "third"},
		"preview-orders": {"boxes": []string{s.boxes[0].id, s.boxes[1].id}, "design": "fixed"},
		"start-whispers": {"title": "T", "audio": path.Base(s.send(wav(1, 330)).header.Get("Location")), "boxes": []string{s.boxes[0].id}},
		"decide-turn":    {"decision": "wait", "version": w.Hops[0].Version, "reason": "a holiday"},
		"create-link":    {"label": "The exhibition", "days": 7, "hide_pictures": true},
		"prepare-export": {"what": "media"}, "change-settings": {"deadlines": map[string]any{"remind_seconds": 3600}, "digest": true},
		"add-member": {"email": "another@example.org", "role": "moderator"}, "change-member": {"role": "researcher", "ends_at": "2099-01-01T00:00:00Z"},
		"change-person": {"ends_at": nil}, "invite-person": {"email": "third@example.org"}, "set-sign-up": {"open": true},
		"change-box": {"label": "Upstairs", "waking_hours": map[string]any{"time_zone": "Europe/Berlin", "wake": "07:00", "bed": "22:00"}, "photo": false},
		"ask-box":    {"what": "check", "aloud": true}, "erase-box": {"name": "spare"},
		"add-first-generation-box": {"name": "old one", "networks": []string{"192.168.7.0/24"}},
	}
}

// fits checks an answer against the document: its status, its type, its body.
func (s *study) fits(t *testing.T, doc *huma.OpenAPI, o *huma.Operation, a answer) {
	t.Helper()
	r := o.Responses[fmt.Sprint(a.status)]
	if r == nil {
		t.Errorf("%s answers %d, which is not documented", o.OperationID, a.status)
		return
	}
	kind, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
	media := r.Content[kind]
	if media == nil || media.Schema == nil {
		if len(a.body) > 0 && o.OperationID != "get-file" && kind != "application/zip" {
			t.Errorf("%s answers %d with %s, which is not documented", o.OperationID, a.status, kind)
		}
		return
	}
	if o.Method == http.MethodHead {
		return
	}
	var v any
	if err := json.Unmarshal(a.body, &v); err != nil {
		t.Errorf("%s: %v: %s", o.OperationID, err, a.body)
		return
	}
	var result huma.ValidateResult
	huma.Validate(doc.Components.Schemas, media.Schema, huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, v, &result)
	for _, err := range result.Errors {
		t.Errorf("%s %d: %v in %s", o.OperationID, a.status, err, a.body)
	}
}

// The document names the boxes' own routes as they are.
func TestREST_BoxRoutes(t *testing.T) {
	r := newRig(t)
	registered := map[string]bool{}
	for _, route := range r.echo.Routes() {
		own := strings.HasPrefix(route.Path, "/api/v1/device/") || route.Path == protocol.PathEnroll
		if own && !strings.Contains(route.Name, "wrongMethods") && !strings.HasPrefix(route.Method, "echo_route") && !strings.Contains(route.Path, "/uploads") {
			registered[route.Method+" "+route.Path] = true
		}
	}
	for at, item := range r.rest.OpenAPI().Paths {
		for _, o := range []*huma.Operation{item.Get, item.Head, item.Post, item.Put, item.Delete} {
			if o == nil || o.Tags[0] != "device" || o.OperationID == "box-upload" {
				continue
			}
			route := o.Method + " /api/v1" + strings.NewReplacer("{", ":", "}", "").Replace(at)
			if !registered[route] {
				t.Errorf("%s is documented and not there", route)
			}
			delete(registered, route)
		}
	}
	for route := range registered {
		t.Errorf("%s is not documented", route)
	}
}

// A stream goes on where the client left off: in order, nothing twice, nothing
// left out.
func TestREST_StreamResumes(t *testing.T) {
	s := newStudy(t)
	type event struct {
		Seq     int64
		Type    string
		Whisper string
	}
	read := func(since string, until func(event) bool) (got []event) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		req := must(http.NewRequestWithContext(ctx, "GET", s.url+"/api/v1/projects/"+s.project+"/events", nil))(t)
		req.Header = s.owner.header.Clone()
		req.Header.Set("Last-Event-ID", since)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		lines := bufio.NewScanner(resp.Body)
		id := ""
		for lines.Scan() {
			if text, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
				id = text
			}
			if text, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				var e event
				if err := json.Unmarshal([]byte(text), &e); err != nil || fmt.Sprint(e.Seq) != id {
					t.Fatalf("%q of event %s: %v", text, id, err)
				}
				got = append(got, e)
				if until(e) {
					return got
				}
			}
		}
		t.Fatalf("the stream ended after %v: %v", got, lines.Err())
		return nil
	}
	all := read("0", func(e event) bool { return e.Type == "offered" })
	wrote := make(chan error, 1)
	go func() {
		for range 5 {
			for _, step := range []string{"pause", "resume"} {
				if a := s.owner.do("POST", "/api/v1/whispers/"+s.whisper+"/"+step, nil); a.status != 200 {
					wrote <- fmt.Errorf("%s: %d %s", step, a.status, a.body)
					return
				}
			}
		}
		wrote <- nil
	}()
	for range 3 { // three connections, each going on after the one before
		n := 0
		all = append(all, read(fmt.Sprint(all[len(all)-1].Seq), func(event) bool { n++; return n == 3 })...)
	}
	if err := <-wrote; err != nil {
		t.Fatal(err)
	}
	for i, e := range all {
		if e.Seq != int64(i+1) || e.Whisper != s.whisper {
			t.Errorf("event %d is %+v", i+1, e)
		}
	}
}

func TestREST_Files(t *testing.T) {
	s := newStudy(t)
	var w struct {
		Origin []struct {
			ID, SHA256, Variant string
			Size                int
		}
	}
	s.owner.do("GET", "/api/v1/whispers/"+s.whisper, nil).json(t, 200, &w)
	for _, f := range w.Origin {
		at := "/api/v1/whispers/" + s.whisper + "/files/" + f.ID
		whole := s.owner.do("GET", at, nil)
		if whole.status != 200 || digest(whole.body) != f.SHA256 || len(whole.body) != f.Size || whole.header.Get("ETag") != `"`+f.SHA256+`"` {
			t.Errorf("%s: %d, %d bytes, %s", f.Variant, whole.status, len(whole.body), whole.header.Get("ETag"))
		}
		part := s.owner.with("Range", "bytes=100-199", "If-Range", `"`+f.SHA256+`"`).do("GET", at, nil)
		if part.status != 206 || !bytes.Equal(part.body, whole.body[100:200]) {
			t.Errorf("a part: %d, %d bytes", part.status, len(part.body))
		}
		s.reader.do("GET", at, nil).refused(t, 403, protocol.CodeForbidden)
		s.owner.do("GET", "/api/v1/whispers/"+s.whisper+"/files/"+store.NewID(), nil).refused(t, 404, protocol.CodeNotFound)
	}
}
