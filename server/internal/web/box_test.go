package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"illumi/server/internal/model"
)

func TestBox_page(t *testing.T) {
	r := newRig(t)
	admin := r.signedIn("root@example.org", model.RoleAdmin)
	v := r.signedIn("ada@example.org", model.RoleResearcher)
	id := r.enrol(admin.actor, "ann")[0]
	at := "/boxes/" + id
	admin.get("/boxes").has(t, http.StatusOK, `href="`+at+`"`)
	page := admin.get(at)
	page.has(t, http.StatusOK, "How it is", "It has no whisper now", "not told yet", "Time zone", "2, as usual", "Check this box now")
	checkPage(t, "box", page.body)
	form := url.Values{"label": {"Hall <1>"}, "zone": {"Europe/Berlin"}, "wake": {"09:00"}, "bed": {"22:00"}, "volume": {"3"}, "buttons": {"2"}, "announce": {"yes"}}
	admin.post(at, form).has(t, http.StatusSeeOther)
	page = admin.get(at + "?done=saved")
	page.has(t, http.StatusOK, "Saved.", "Hall &lt;1&gt;", `value="Europe/Berlin"`, `value="09:00"`, `<option value="3" selected>`, `<option value="2" selected>Two`)
	if !strings.Contains(page.body, `name="announce" value="yes" checked`) || strings.Contains(page.body, `name="photo" value="yes" checked`) {
		t.Error("the boxes' marks are not those that were saved")
	}
	for field, bad := range map[string]string{"zone": "Nowhere", "wake": "", "volume": "9", "buttons": "4"} {
		wrong := url.Values{}
		for k, v := range form {
			wrong[k] = v
		}
		wrong.Set(field, bad)
		got := admin.post(at, wrong)
		got.has(t, http.StatusUnprocessableEntity, `id="`+field+`-problem"`)
		checkPage(t, "box", got.body)
	}
	w := r.start(v.actor, r.project(v.actor, "Harbour", model.ForwardPause), "Gulls", id)
	v.get(at).has(t, http.StatusOK, "/whispers/"+w.ID, "Gulls")
	if strings.Contains(v.get(at).body, "Time zone") {
		t.Error("a researcher is offered to change a box")
	}
	if got := r.signedIn("eve@example.org", model.RoleResearcher).get(at); strings.Contains(got.body, "Gulls") {
		t.Error("a stranger reads a whisper's title")
	}
	v.post(at, form).has(t, http.StatusForbidden)
	admin.get("/boxes/nothing").has(t, http.StatusNotFound)
}
