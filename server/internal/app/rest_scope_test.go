package app

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"illumi/protocol"
	"illumi/server/internal/auth"
	"illumi/server/internal/model"
	"illumi/server/internal/store"
)

// A token does what the document says that its scope is for, and nothing else.
// What it sees and may not do names the scope that it lacks.
func TestREST_Scopes(t *testing.T) {
	s := newStudy(t)
	u := must(s.CreateUser(t.Context(), "keeper@example.org", "Keeper", model.RoleAdmin, password))(t)
	keeper := model.Actor{UserID: u.ID, Role: model.RoleAdmin}
	all := map[model.Scope]client{}
	for _, scope := range model.Scopes() {
		s.token("only "+string(scope), keeper, []model.Scope{scope})
		all[scope] = s.with("only " + string(scope))
	}
	real, bodies := s.furnished(s.with("admin"))
	open := 0
	for _, item := range s.rest.OpenAPI().Paths {
		for _, o := range []*huma.Operation{item.Get, item.Head, item.Post, item.Put, item.Patch, item.Delete} {
			if o == nil || o.Tags[0] == "device" || o.OperationID == "upload" {
				continue
			}
			_, needs, ok := strings.Cut(strings.TrimSuffix(o.Description, "."), "Needs the scope ")
			if !ok {
				open++
				continue
			}
			for _, scope := range model.Scopes() {
				if slices.Contains(strings.Split(needs, " or "), string(scope)) {
					continue
				}
				at, got := "/api/v1"+real.Replace(o.Path), answer{}
				if body := bodies[o.OperationID]; body != nil {
					got = all[scope].json(o.Method, at, body)
				} else {
					got = all[scope].do(o.Method, at, nil)
				}
				sees := scope != model.ScopeBoxes && got.status == 403
				if !sees && got.status != 404 && (got.status != 403 || scope != model.ScopeBoxes) && o.OperationID != "list-projects" {
					t.Errorf("%s with the scope %s alone: %d %s", o.OperationID, scope, got.status, got.body)
				}
				if got.status == 403 && o.Method != http.MethodHead && !strings.Contains(string(got.body), "scope ") {
					t.Errorf("%s does not name the scope: %s", o.OperationID, got.body)
				}
			}
		}
	}
	if open != 4 {
		t.Errorf("%d operations ask for no scope", open)
	}
}

// A token for one project lists it wherever it is, and nothing beside it.
func TestREST_OneProject(t *testing.T) {
	s := newStudy(t)
	for i := range 3 {
		s.owner.json("POST", "/api/v1/projects", map[string]any{"title": fmt.Sprint("Newer ", i)}).json(t, 201, &struct{}{})
	}
	who := must(s.auth.AuthenticateToken(t.Context(), "Bearer "+s.tokens["owner"], "192.0.2.1"))(t)
	text, _, err := s.auth.MakeToken(t.Context(), model.Actor{UserID: who.UserID, Role: who.Role},
		auth.TokenRequest{Name: "bound", Scopes: model.Scopes(), Project: s.project, Lifetime: auth.TokenLifetimes()[0]})
	if err != nil {
		t.Fatal(err)
	}
	s.tokens["bound"] = text
	bound := s.with("bound")
	var l struct {
		Items []struct{ ID string }
		Next  string
	}
	bound.do("GET", "/api/v1/projects?limit=1", nil).json(t, 200, &l)
	if len(l.Items) != 1 || l.Items[0].ID != s.project || l.Next != "" {
		t.Errorf("it lists %+v", l)
	}
	bound.do("GET", "/api/v1/projects?limit=1&after="+s.project, nil).json(t, 200, &l)
	if len(l.Items) != 0 {
		t.Errorf("after it comes %+v", l)
	}
	var o struct{ Waiting []struct{ Project string } }
	bound.do("GET", "/api/v1/overview", nil).json(t, 200, &o)
	if len(o.Waiting) != 1 || o.Waiting[0].Project != s.project {
		t.Errorf("what waits: %+v", o)
	}
	if a := bound.json("POST", "/api/v1/projects", map[string]any{"title": "Another"}); a.status != 403 || !strings.Contains(string(a.body), "one project alone") {
		t.Errorf("it makes a project: %d %s", a.status, a.body)
	}
}

// Whoever is let into a project shows in its history, whether there was an
// account or an invitation made it; and so does what people decide.
func TestREST_HistoryOfPeople(t *testing.T) {
	s := newStudy(t)
	at := "/api/v1/projects/" + s.project
	mate := must(s.CreateUser(t.Context(), "mate@example.org", "Mate", model.RoleResearcher, password))(t)
	var added struct {
		Added      bool
		Invitation *struct{ Link string }
	}
	s.owner.json("POST", at+"/people", map[string]any{"email": "mate@example.org", "role": "viewer"}).json(t, 201, &added)
	if !added.Added || added.Invitation != nil {
		t.Errorf("somebody with an account: %+v", added)
	}
	s.owner.json("POST", at+"/people", map[string]any{"email": "new@example.org", "role": "moderator"}).json(t, 201, &added)
	if added.Added || added.Invitation == nil {
		t.Fatalf("somebody without: %+v", added)
	}
	_, token, _ := strings.Cut(added.Invitation.Link, "#")
	fresh := must(s.auth.Accept(t.Context(), token, "New", password, "192.0.2.1"))(t)
	s.owner.json("PATCH", at+"/people/"+mate.ID, map[string]any{"ends_at": "2099-01-01T00:00:00Z"}).json(t, 200, &struct{}{})
	if a := s.owner.do("DELETE", at+"/people/"+mate.ID, nil); a.status != 204 {
		t.Errorf("remove: %d %s", a.status, a.body)
	}
	var w struct {
		Hops []struct{ ID, Version string }
	}
	s.owner.do("GET", "/api/v1/whispers/"+s.whisper, nil).json(t, 200, &w)
	decide := map[string]any{"decision": "postpone", "version": w.Hops[0].Version, "reason": "a holiday"}
	to := "/api/v1/whispers/" + s.whisper + "/hops/" + w.Hops[0].ID + "/decision"
	s.owner.json("POST", to, decide).json(t, 200, &struct{}{})
	s.owner.json("POST", to, decide).refused(t, 409, protocol.CodeConflict)
	var l struct {
		Items []struct{ Type, Person, Reason, By string }
	}
	s.owner.do("GET", at+"/history?limit=200", nil).json(t, 200, &l)
	var got []string
	for _, e := range l.Items {
		if e.Person != "" || e.Reason != "" {
			got = append(got, e.Type+" "+e.Person+e.Reason)
		}
		if e.Person != "" && e.By == "" {
			t.Errorf("nobody did %+v", e)
		}
	}
	want := []string{"joined " + mate.ID, "joined " + fresh.ID, "role changed " + mate.ID, "left " + mate.ID, "postponed a holiday"}
	if !slices.Equal(got, want) {
		t.Errorf("the history says %q, want %q", got, want)
	}
}

// Every list ends by its cursor, and leaves nothing out.
func TestREST_Cursors(t *testing.T) {
	s := newStudy(t)
	admin, at := s.with("admin"), "/api/v1/projects/"+s.project
	for i := range 3 {
		email := fmt.Sprintf("p%d@example.org", i)
		s.owner.json("POST", at+"/people", map[string]any{"email": email, "role": "viewer"}).json(t, 201, &struct{}{})
		admin.json("POST", "/api/v1/people/invitations", map[string]any{"email": email}).json(t, 201, &struct{}{})
		admin.json("POST", "/api/v1/codes", map[string]any{"name": fmt.Sprint("box ", i)}).json(t, 201, &struct{}{})
		s.owner.json("POST", at+"/hooks", map[string]any{"url": "https://example.org/" + email}).json(t, 201, &struct{}{})
		s.owner.json("POST", at+"/exports", map[string]any{"what": "data"}).json(t, 202, &struct{}{})
		s.owner.json("POST", "/api/v1/whispers/"+s.whisper+"/links", map[string]any{"label": email}).json(t, 201, &struct{}{})
		s.owner.do("POST", at+"/mails/test", nil).json(t, 202, &struct{}{})
		u := must(s.CreateUser(t.Context(), "m"+email, "M", model.RoleResearcher, password))(t)
		s.member(s.project, u.Email, model.ProjectViewer, time.Time{})
		s.begin("another")
		check := protocol.Check{ID: store.NewID(), Kind: protocol.CheckDoctor, At: time.Now(), Items: []protocol.CheckItem{{Part: "disk", Verdict: protocol.VerdictOK, Text: "Room."}}}
		if _, err := s.relay.HandIn(t.Context(), s.boxes[0].id, check); err != nil {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) { // each export that is ready is a mail
		var l struct{ Items []struct{ Kind string } }
		s.owner.do("GET", at+"/mails", nil).json(t, 200, &l)
		if len(l.Items) == 6 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the mails are %+v", l)
		}
	}
	for path, want := range map[string]int{
		"/people": 6, "/people/invitations": 3, at + "/people": 4, at + "/invitations": 3, "/codes": relayCodes(s), at + "/hooks": 3, at + "/exports": 3,
		"/whispers/" + s.whisper + "/links": 3, at + "/mails": 6, at + "/whispers": 4, "/boxes": 2, "/boxes/" + s.boxes[0].id + "/checks": 3, "/tokens": 1,
		"/mails": 12,
	} {
		if !strings.HasPrefix(path, "/api") {
			path = "/api/v1" + path
		}
		seen, next := map[string]bool{}, ""
		for range 30 {
			var l struct {
				Items []map[string]any
				Next  string
			}
			admin.do("GET", path+"?limit=2&after="+strings.ReplaceAll(next, "+", "%2B"), nil).json(t, 200, &l)
			if len(l.Items) > 2 {
				t.Fatalf("%s: %d on a page", path, len(l.Items))
			}
			for _, i := range l.Items {
				id, _ := i["id"].(string)
				if id == "" {
					id, _ = i["user"].(string)
				}
				if id == "" || seen[id] {
					t.Errorf("%s tells %q twice", path, id)
				}
				seen[id] = true
			}
			if next = l.Next; next == "" {
				break
			}
		}
		if next != "" || len(seen) != want {
			t.Errorf("%s: %d in all, want %d", path, len(seen), want)
		}
	}
}

func relayCodes(s *study) int {
	return len(must(s.relay.Codes(s.t.Context(), operator))(s.t))
}

// A stream that would begin where nothing can be missed, or nowhere, is refused;
// and whoever does not say who asks is told how to.
func TestREST_StreamRefuses(t *testing.T) {
	s := newStudy(t)
	at := "/api/v1/projects/" + s.project + "/events"
	for _, query := range []string{"?since=100000", "?since=-1", "?since=last", "?sinec=1"} {
		s.owner.do("GET", at+query, nil).refused(t, 422, protocol.CodeInvalid)
	}
	s.owner.with("Last-Event-ID", "100000").do("GET", at, nil).refused(t, 422, protocol.CodeInvalid)
	for _, c := range []client{s.nobody(), s.nobody().with("Authorization", "Bearer ilm_WRONG")} {
		for _, path := range []string{at, "/api/v1/me"} {
			a := c.do("GET", path, nil)
			a.refused(t, 401, protocol.CodeSignIn)
			if !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer") {
				t.Errorf("%s: how to prove who asks is %q", path, a.header.Get("WWW-Authenticate"))
			}
		}
	}
}
