package app

import (
	"bufio"
	"net/http"
	"strings"
	"testing"

	"illumi/server/internal/model"
	"illumi/server/internal/store"
)

// Whose account, token or part in the project has ended is told of nothing that
// happens from then on, though the stream was open before.
func TestStream_EndsWithTheRight(t *testing.T) {
	for name, end := range map[string]func(s *study, user string) error{
		"account disabled": func(s *study, user string) error {
			return s.auth.SetDisabled(t.Context(), operator, user, true)
		},
		"token revoked": func(s *study, user string) error {
			return s.auth.RevokeToken(t.Context(), model.Actor{UserID: user}, s.tokens["guest/id"])
		},
		"part removed": func(s *study, user string) error {
			return s.store.Tx(t.Context(), func(tx *store.Tx) error { return tx.DeleteMember(t.Context(), s.project, user) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStudy(t)
			u := must(s.CreateUser(t.Context(), "guest@example.org", "Guest", model.RoleResearcher, password))(t)
			if err := s.store.Tx(t.Context(), func(tx *store.Tx) error {
				return tx.AddMember(t.Context(), model.Member{ProjectID: s.project, UserID: u.ID, Role: model.ProjectViewer})
			}); err != nil {
				t.Fatal(err)
			}
			s.token("guest", model.Actor{UserID: u.ID, Role: u.Role}, model.Scopes())
			req := must(http.NewRequestWithContext(t.Context(), "GET", s.url+"/api/v1/projects/"+s.project+"/events", nil))(t)
			req.Header.Set("Authorization", "Bearer "+s.tokens["guest"])
			res := must(http.DefaultClient.Do(req))(t)
			defer res.Body.Close()
			lines := bufio.NewScanner(res.Body)
			if lines.Scan(); res.StatusCode != http.StatusOK || lines.Text() != ": from here on" {
				t.Fatalf("%d %q", res.StatusCode, lines.Text())
			}
			if err := end(s, u.ID); err != nil {
				t.Fatal(err)
			}
			if a := s.owner.do("POST", "/api/v1/whispers/"+s.whisper+"/pause", nil); a.status != http.StatusOK {
				t.Fatalf("%d %s", a.status, a.body)
			}
			over := false
			for lines.Scan() {
				over = over || lines.Text() == "event: over"
				if strings.Contains(lines.Text(), "paused") {
					t.Error("is told what happened later")
				}
			}
			if !over {
				t.Error("the stream does not say that it is over")
			}
		})
	}
}
