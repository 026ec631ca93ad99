package app

import (
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"illumi/server/internal/model"
	"illumi/server/internal/store"
)

// docs/roles.md says what model/access.go does, cell by cell.
func TestRoles_document(t *testing.T) {
	text, err := os.ReadFile("../../../docs/roles.md")
	if err != nil {
		t.Fatal(err)
	}
	tables := map[string]func(who, verb string) bool{
		"## In a project": func(who, verb string) bool {
			p := model.Project{ID: "p", As: model.ProjectRole(who)}
			return model.Actor{UserID: "u", Role: model.RoleResearcher}.MayIn(p, model.Verb(verb))
		},
		"## On the server": func(who, verb string) bool {
			return model.Actor{UserID: "u", Role: model.Role(who)}.May(model.Verb(verb))
		},
		"## Programs": func(who, verb string) bool {
			a := model.Actor{UserID: "u", Role: model.RoleAdmin, Token: "t", Scopes: []model.Scope{model.Scope(who)}}
			return a.May(model.Verb(verb)) || a.MayIn(model.Project{ID: "p", As: model.ProjectOwner}, model.Verb(verb))
		},
	}
	rows := map[string]int{"## In a project": len(model.ProjectRoles()), "## On the server": len(model.Roles()), "## Programs": len(model.Scopes())}
	for title, may := range tables {
		_, part, _ := strings.Cut(string(text), title)
		var verbs []string
		n := 0
		for line := range strings.Lines(part) {
			cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
			switch {
			case strings.HasPrefix(line, "## "):
				cells = nil
			case !strings.HasPrefix(line, "|"), strings.HasPrefix(line, "|-"):
				continue
			case verbs == nil:
				verbs = cells[1:]
				continue
			}
			if cells == nil {
				break
			}
			n++
			for i, cell := range cells[1:] {
				who, verb := strings.TrimSpace(cells[0]), strings.TrimSpace(verbs[i])
				if (strings.TrimSpace(cell) == "yes") != may(who, verb) {
					t.Errorf("%s: %s may %s: the page says %q", title, who, verb, strings.TrimSpace(cell))
				}
			}
		}
		if n != rows[title] || len(verbs) < 5 {
			t.Errorf("%s: %d rows of %d verbs, want %d rows", title, n, len(verbs), rows[title])
		}
	}
}

// matrix is what each route of a project answers to each part in it: owner,
// researcher, moderator, viewer; to whom is a member no more, an owner of
// another project and an installer all of it is 404. Bodies are empty and ids
// real, so 422 is "you may, but this is no request".
var matrix = map[string][4]int{
	"GET /projects/:project":                       {200, 200, 200, 200},
	"GET /projects/:project/people":                {200, 200, 200, 200},
	"POST /projects/:project/people":               {422, 403, 403, 403},
	"GET /projects/:project/settings":              {200, 403, 403, 403},
	"POST /projects/:project/settings":             {422, 403, 403, 403},
	"GET /projects/:project/mails":                 {200, 403, 403, 403},
	"GET /projects/:project/hooks":                 {200, 403, 403, 403},
	"GET /projects/:project/start":                 {200, 200, 403, 403},
	"POST /projects/:project/start":                {422, 422, 403, 403},
	"GET /projects/:project/export":                {200, 200, 403, 200},
	"GET /projects/:project/export.zip?what=data":  {200, 200, 403, 200},
	"GET /projects/:project/export.zip?what=media": {200, 200, 403, 403},
	"GET /whispers/:whisper":                       {200, 200, 200, 200},
	"GET /whispers/:whisper/whisper.json":          {200, 200, 200, 200},
	"GET /whispers/:whisper/media/:name":           {200, 200, 200, 403},
	"GET /whispers/:whisper/decide":                {200, 200, 403, 403},
	"POST /whispers/:whisper/pause":                {303, 303, 403, 403},
	"POST /whispers/:whisper/resume":               {303, 303, 403, 403},
}

func TestRoutes_Matrix(t *testing.T) {
	r := newRig(t)
	b := r.enrol("box")
	owner := r.person("owner@example.org", model.RoleResearcher)
	whisper := owner.start("straight", b)
	project := r.projectOf(whisper)
	askers := []client{owner}
	for _, role := range []model.ProjectRole{model.ProjectResearcher, model.ProjectModerator, model.ProjectViewer} {
		email := string(role) + "@example.org"
		c := r.person(email, model.RoleResearcher)
		r.member(project, email, role, time.Time{})
		askers = append(askers, c)
	}
	lapsed := r.person("lapsed@example.org", model.RoleResearcher)
	r.member(project, "lapsed@example.org", model.ProjectOwner, time.Now().Add(-time.Hour))
	elsewhere := r.person("elsewhere@example.org", model.RoleResearcher)
	if a := elsewhere.form("/projects", url.Values{"title": {"Another"}, "forwarding": {"straight"}}); a.status != 303 {
		t.Fatalf("another project: %d", a.status)
	}
	installer := r.person("installer@example.org", model.RoleInstaller)
	real := strings.NewReplacer(":project", project, ":whisper", whisper, ":name", "00_audio_original.wav")
	for route, want := range matrix {
		method, path, _ := strings.Cut(route, " ")
		for i, asker := range askers {
			if got := asker.do(method, real.Replace(path), nil).status; got != want[i] {
				t.Errorf("%s: %d to %s, want %d", route, got, model.ProjectRoles()[i], want[i])
			}
		}
		for name, asker := range map[string]client{"a lapsed owner": lapsed, "another project's owner": elsewhere, "an installer": installer} {
			got := asker.do(method, real.Replace(path), nil).status
			if got != 404 {
				t.Errorf("%s: %d to %s, want 404", route, got, name)
			}
		}
	}
}

func (r *rig) member(project, email string, role model.ProjectRole, until time.Time) {
	r.t.Helper()
	err := r.store.Tx(r.t.Context(), func(tx *store.Tx) error {
		u, err := tx.UserByEmail(r.t.Context(), email)
		if err != nil {
			return err
		}
		return tx.AddMember(r.t.Context(), model.Member{ProjectID: project, UserID: u.ID, Role: role, AddedAt: time.Now(), ExpiresAt: until})
	})
	if err != nil {
		r.t.Fatal(err)
	}
}
