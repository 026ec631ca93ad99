package web

import (
	"strings"
	"testing"

	"illumi/server/internal/model"
)

// A page offers the rooms that its reader may enter, and always the one that is shown.
func TestTabs(t *testing.T) {
	for _, tc := range []struct {
		as   model.ProjectRole
		role model.Role
		here string
		want string
	}{
		{model.ProjectOwner, model.RoleResearcher, "Whispers", "[Whispers] People Export Mails Webhooks Settings"},
		{model.ProjectResearcher, model.RoleResearcher, "Export", "Whispers People [Export]"},
		{model.ProjectModerator, model.RoleResearcher, "People", "Whispers [People]"},
		{model.ProjectViewer, model.RoleResearcher, "Whispers", "[Whispers] People Export"},
		{"", model.RoleAdmin, "Settings", "Whispers People Export Mails Webhooks [Settings]"},
	} {
		p := page{User: model.User{ID: "u", Role: tc.role}}
		var got []string
		for _, tab := range p.Tabs(model.Project{ID: "p", As: tc.as}, tc.here) {
			if tab.Here {
				tab.Word = "[" + tab.Word + "]"
			}
			got = append(got, tab.Word)
		}
		if strings.Join(got, " ") != tc.want {
			t.Errorf("%s as %q at %s sees %q, want %q", tc.role, tc.as, tc.here, got, tc.want)
		}
	}
}
