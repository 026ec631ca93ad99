package web

import "testing"

// Whoever can make somebody sign in must not choose where they land.
func TestSafeNext(t *testing.T) {
	for next, want := range map[string]string{
		"/projects/1":           "/projects/1",
		"/projects/a%20b":       "/projects/a%20b",
		"/boxes?x=1":            "/boxes",
		"":                      "/",
		"//evil.example":        "/",
		"///evil.example":       "/",
		`/\evil.example`:        "/",
		"/%5Cevil.example":      "/",
		"/%09/evil.example":     "/",
		"/\t/evil.example":      "/",
		"/%0d%0aLocation:x":     "/",
		"/%2Fevil.example":      "/",
		"https://evil.example/": "/",
		"javascript:alert(1)":   "/",
		"evil.example":          "/",
		"//user@evil.example/x": "/",
	} {
		if got := safeNext(next); got != want {
			t.Errorf("safeNext(%q) = %q, want %q", next, got, want)
		}
	}
}
