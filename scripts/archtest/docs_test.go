package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// path is where a row's package lies.
func (r row) path() string { return strings.Replace(r.name, " i/", "/internal/", 1) }

func TestCodePage_HasEveryPackage(t *testing.T) {
	page := read(t, filepath.Join(root, "docs/code.md"))
	for _, r := range rows {
		if at := strings.Replace(r.path(), " ", "/", 1); !strings.Contains(page, "`"+at+"`") {
			t.Errorf("docs/code.md does not say what `%s` is", at)
		}
	}
}

var (
	link = regexp.MustCompile(`\]\(([^)#\s]+)(?:#[^)]*)?\)`)
	// ours is a path of this repository, as the pages write it.
	ours = regexp.MustCompile("`((?:agent|server|scripts|protocol|systemd|docs)/[a-z0-9_./-]*[a-z0-9])[` ]")
)

// pages is README.md and all of docs/.
func pages(t *testing.T) []string {
	t.Helper()
	list := []string{filepath.Join(root, "README.md")}
	for _, pattern := range []string{"docs/*.md", "docs/*/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: nothing found, %v", pattern, err)
		}
		list = append(list, found...)
	}
	return list
}

// What a page links to, and each path that it names, is there.
func TestPages_NameWhatIsThere(t *testing.T) {
	for _, page := range pages(t) {
		text := read(t, page)
		for _, found := range link.FindAllStringSubmatch(text, -1) {
			if to := found[1]; !strings.Contains(to, ":") {
				exists(t, page, to, filepath.Join(filepath.Dir(page), to))
			}
		}
		for _, found := range ours.FindAllStringSubmatch(text, -1) {
			exists(t, page, found[1], filepath.Join(root, found[1]))
		}
	}
}

func exists(t *testing.T, page, name, at string) {
	t.Helper()
	if _, err := os.Stat(at); err != nil {
		t.Errorf("%s names %s, which is not there", strings.TrimPrefix(page, root+"/"), name)
	}
}
