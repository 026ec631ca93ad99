package web

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	idOf       = regexp.MustCompile(`\sid="([^"]*)"`)
	refersTo   = regexp.MustCompile(`\s(?:aria-labelledby|aria-describedby|for)="([^"]*)"`)
	iconOf     = regexp.MustCompile(`<use href="[^"]*#([^"]*)"`)
	quoted     = regexp.MustCompile(`="[^"]*"`)
	forbidden  = regexp.MustCompile(`<[^>]*\s(?:style|on\w+|hx-on\S*)=|<style`)
	spoilt     = regexp.MustCompile(`(?:href|src|action)="javascript:|ZgotmplZ|%!|&lt;no value&gt;|<no value>`)
	scriptTag  = regexp.MustCompile(`<script[^>]*>`)
	emptyTitle = regexp.MustCompile(`<title>\s*·`)
)

// checkPage holds every page that a test sees to the rules of docs/web.md.
func checkPage(t *testing.T, name, page string) {
	t.Helper()
	checkFragment(t, name, page)
	if n := strings.Count(page, "<h1"); n != 1 {
		t.Errorf("%s: %d headings of the first order", name, n)
	}
	if emptyTitle.MatchString(page) || !strings.Contains(page, "<title>") {
		t.Errorf("%s: no title", name)
	}
}

func checkFragment(t *testing.T, name, page string) {
	t.Helper()
	var ids []string
	for _, m := range idOf.FindAllStringSubmatch(page, -1) {
		if slices.Contains(ids, m[1]) {
			t.Errorf("%s: two elements have the id %q", name, m[1])
		}
		ids = append(ids, m[1])
	}
	for _, m := range refersTo.FindAllStringSubmatch(page, -1) {
		for id := range strings.FieldsSeq(m[1]) {
			if !slices.Contains(ids, id) {
				t.Errorf("%s: nothing has the id %q", name, id)
			}
		}
	}
	for _, m := range iconOf.FindAllStringSubmatch(page, -1) {
		if !slices.Contains(icons(t), m[1]) {
			t.Errorf("%s: there is no icon %q", name, m[1])
		}
	}
	// What stands in an attribute is only text there.
	if m := forbidden.FindString(quoted.ReplaceAllString(page, `=""`)) + spoilt.FindString(page); m != "" {
		t.Errorf("%s: %q has no place in a page", name, m)
	}
	for _, tag := range scriptTag.FindAllString(page, -1) {
		if !strings.Contains(tag, ` src="/assets/`) {
			t.Errorf("%s: the script %s is not ours", name, tag)
		}
	}
}
