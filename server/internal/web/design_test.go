package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"illumi/server/internal/model"
)

// The order is shown before anything starts, and then travelled as shown.
func TestStart_previewThenStart(t *testing.T) {
	r := newRig(t)
	v := r.signedIn("ada@example.org", model.RoleAdmin)
	boxes := r.enrol(v.actor, "ann", "bob", "cyd", "dot")
	p := r.project(v.actor, "Shore", model.ForwardStraight).ID
	form := url.Values{"title": {"Tides"}, "count": {"1"}, "key": {"k1"}, "design": {"williams"}, "step": {"preview"}, "box": boxes}
	post := func(form url.Values, status int) string {
		got := v.post("/projects/"+p+"/start", form)
		got.has(t, status)
		return got.body
	}
	page := post(form, 200)
	if strings.Count(page, "<li><bdi>") != 4 || !strings.Contains(page, "4 whispers, as they will travel") {
		t.Errorf("no square of four in %s", page)
	}
	_, seed, _ := strings.Cut(page, `name="seed" value="`)
	seed, _, _ = strings.Cut(seed, `"`)
	if len(seed) != 64 {
		t.Fatalf("the seed is %q", seed)
	}
	again := post(with(form, "seed", seed), 200)
	plan := func(s string) string {
		_, s, _ = strings.Cut(s, `<ol class="plan-rows">`)
		s, _, _ = strings.Cut(s, "</ol>")
		return s
	}
	if plan(again) != plan(page) || plan(page) == "" {
		t.Error("the same seed shows another order")
	}
	fixed := with(form, "design", "fixed")
	for i, id := range boxes {
		fixed.Set("place-"+id, []string{"4", " 2 ", "", "1"}[i])
	}
	if got := plan(post(fixed, 200)); !inOrder(got, "dot", "bob", "ann", "cyd") {
		t.Errorf("my own order: %s", got)
	}
	table := with(form, "design", "uploaded")
	table.Set("rows", "dot;ann\nbob;cyd;dot")
	if got := plan(post(table, 200)); strings.Count(got, "<li>") != 2 || !inOrder(got, "dot", "ann", "bob", "cyd", "dot") {
		t.Errorf("a table: %s", got)
	}
	table.Set("rows", "dot,eve")
	if page := post(table, 422); !strings.Contains(page, "Line 1, place 2") || !strings.Contains(page, "dot,eve") {
		t.Errorf("a wrong table: %s", page)
	}
}

func with(form url.Values, name, value string) url.Values {
	out := url.Values{}
	for k, v := range form {
		out[k] = v
	}
	out.Set(name, value)
	return out
}

func inOrder(s string, words ...string) bool {
	for _, w := range words {
		_, rest, ok := strings.Cut(s, ">"+w+"<")
		if !ok {
			return false
		}
		s = rest
	}
	return true
}

// Whoever reads a whisper can compute its order again, and sees what moved.
func TestOrderRecord(t *testing.T) {
	all, err := parseViews()
	if err != nil {
		t.Fatal(err)
	}
	v := whisperView{}
	v.Whisper.Order = model.Order{Algorithm: "illumi-williams-1", Seed: strings.Repeat("ab", 32), Input: []string{"ann", "bob"}}
	v.Whisper.Policy = model.Policy{Number: 2, Software: "1.2"}
	for i, box := range []string{"ann", "bob"} {
		h := hopView{Box: box}
		h.Position, h.Course.Planned = i+1, i+1
		v.Hops = append(v.Hops, h)
	}
	show := func() string {
		var b strings.Builder
		if err := all["whisper"].ExecuteTemplate(&b, "order-record", v); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	page := show()
	for _, want := range []string{"A balanced order", "illumi-williams-1", strings.Repeat("ab", 32), "<bdi>ann</bdi>, <bdi>bob</bdi>", "by illumi 1.2", "Every turn is where"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in %s", want, page)
		}
	}
	v.Hops[0].Course.Planned, v.Hops[1].Course.Planned = 2, 0
	if page := show(); !strings.Contains(page, "<bdi>ann</bdi>: now 1, planned as 2") || !strings.Contains(page, "<bdi>bob</bdi>: now 2, added later") {
		t.Errorf("what moved: %s", page)
	}
}

// Enter in the field of a search searches, and stays there; in any other field it shows the order.
func TestStart_enterInTheSearch(t *testing.T) {
	r := newRig(t)
	v := r.signedIn("ada@example.org", model.RoleAdmin)
	boxes := r.enrol(v.actor, "ann", "bob", "cyd")
	at := "/projects/" + r.project(v.actor, "Shore", model.ForwardStraight).ID + "/start"
	form := url.Values{"count": {"1"}, "step": {"enter"}, "find": {" cy "}, "found": {""}}
	v.post(at, form).has(t, http.StatusOK, "Move cyd up", `value="cy" maxlength="80" autocomplete="off" autofocus`, `name="found" value="cy"`)
	form["box"], form["found"] = boxes[:2], []string{"cy"}
	v.post(at, form).has(t, http.StatusOK, `id="plan"`)
}
