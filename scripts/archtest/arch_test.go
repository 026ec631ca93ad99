package archtest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

func packages(t *testing.T) []pkg {
	t.Helper()
	pkgs, err := load(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(pkgs) == 0 {
		t.Fatal("no packages found")
	}
	return pkgs
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func report(t *testing.T, complaints []string) {
	t.Helper()
	for _, c := range complaints {
		t.Error(c)
	}
}

func TestEdges(t *testing.T) { report(t, edges(packages(t))) }

func TestStandardHomes(t *testing.T) { report(t, strays(packages(t))) }

func TestPurePackages(t *testing.T) {
	for _, p := range packages(t) {
		name, _ := short(p.ImportPath)
		if r, _ := find(name); !r.pure {
			continue
		}
		for _, file := range p.sources(false) {
			found, err := impurities(file, nil)
			if err != nil {
				t.Error(err)
			}
			report(t, found)
		}
	}
}

var generated = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

func TestFileLength(t *testing.T) {
	for _, p := range packages(t) {
		for _, file := range p.sources(true) {
			text := read(t, file)
			if n := strings.Count(text, "\n"); n > maxLines && !generated.MatchString(text) {
				t.Errorf("%s has %d lines; above %d it is two files", file, n, maxLines)
			}
		}
	}
}

func TestDependencies(t *testing.T) {
	documented, err := dependencies(read(t, filepath.Join(root, "docs/dependencies.md")))
	if err != nil {
		t.Fatal(err)
	}
	report(t, undocumented(requirements(read(t, filepath.Join(root, "go.mod"))), documented))
	report(t, homeless(packages(t), documented))
	for _, d := range documented {
		for _, h := range d.homes {
			if _, known := find(h); !known && (h != "tests" || len(d.homes) > 1) {
				t.Errorf("docs/dependencies.md gives %s the home %q, which is no package of the table", d.module, h)
			}
		}
	}
}

// Its authors test sqlite with exactly one version of their C library; another may corrupt data.
func TestSQLiteAndItsLibraryMatch(t *testing.T) {
	const sqlite, libc = "modernc.org/sqlite", "modernc.org/libc"
	version := func(all []requirement, path string) string {
		i := slices.IndexFunc(all, func(r requirement) bool { return r.path == path })
		if i < 0 {
			return ""
		}
		return all[i].version
	}
	ours := requirements(read(t, filepath.Join(root, "go.mod")))
	if version(ours, sqlite) == "" {
		t.Skip("no sqlite yet")
	}
	cmd := exec.Command("go", "list", "-m", "-f", "{{.GoMod}}", sqlite)
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list -m %s: %v%s", sqlite, err, stderr(err))
	}
	want := version(requirements(read(t, string(bytes.TrimSpace(out)))), libc)
	if got := version(ours, libc); got != want || want == "" {
		t.Errorf("%s is %q in go.mod, %s %s names %q", libc, got, sqlite, version(ours, sqlite), want)
	}
}

// The tables themselves: a misspelt name would allow nothing and so go unseen.
func TestTableNamesAreRows(t *testing.T) {
	known := func(name string) {
		if _, ok := find(name); !ok {
			t.Errorf("the table uses %q, which is no row", name)
		}
	}
	for _, r := range slices.Concat(rows, inner) {
		for _, name := range r.may {
			known(name)
		}
	}
	for _, e := range extra {
		known(e.from)
		known(e.to)
		if e.why == "" {
			t.Errorf("the extra edge %s to %s has no reason", e.from, e.to)
		}
	}
	for _, h := range homes {
		for _, name := range h.in {
			known(name)
		}
	}
}

// What the rules catch, on made-up packages.

func TestEdges_Catches(t *testing.T) {
	tests := []struct {
		name string
		pkg  pkg
		want string // part of the one complaint; empty: none
	}{
		{"allowed", pkg{ImportPath: "illumi/server/internal/route", Imports: []string{"slices", "illumi/server/internal/model"}}, ""},
		{"extra", pkg{ImportPath: "illumi/server/internal/web", Imports: []string{"illumi/server/internal/auth"}}, ""},
		{"upwards", pkg{ImportPath: "illumi/server/internal/model", Imports: []string{"illumi/server/internal/route"}}, "server i/model imports server i/route"},
		{"unknown package", pkg{ImportPath: "illumi/server/internal/util"}, "server i/util is not in the table"},
		{"unknown top level", pkg{ImportPath: "illumi/pkg"}, "pkg is not in the table"},
		{"script through a facade", pkg{ImportPath: "illumi/scripts/e2e", Imports: []string{"illumi/server", "illumi/scripts/e2e/proxy"}}, ""},
		{"script into systemd", pkg{ImportPath: "illumi/scripts/e2e", Imports: []string{"illumi/systemd"}}, "scripts/e2e imports systemd"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { expect(t, edges([]pkg{tt.pkg}), tt.want) })
	}
}

func TestStrays_Catches(t *testing.T) {
	use := func(path, imported string) []string {
		return strays([]pkg{{ImportPath: path, Imports: []string{imported}}})
	}
	expect(t, use("illumi/server/internal/store", "database/sql"), "")
	expect(t, use("illumi/server/internal/relay", "database/sql/driver"), "whose home is server i/store")
	expect(t, use("illumi/agent/internal/daemon", "os/exec"), "whose home is agent i/media")
	expect(t, use("illumi/scripts/demo", "os/exec"), "")
}

func TestHomeless_Catches(t *testing.T) {
	documented := []dependency{
		{module: "example.org/k", homes: []string{"server i/app"}},
		{module: "example.org/k/yaml", homes: []string{"server i/cli"}},
	}
	use := func(path, imported string) []string {
		return homeless([]pkg{{ImportPath: path, Imports: []string{imported}}}, documented)
	}
	expect(t, use("illumi/server/internal/cli", "example.org/k/yaml/v3"), "")
	expect(t, use("illumi/server/internal/app", "example.org/k/yaml"), "whose home is server i/cli")
	expect(t, use("illumi/server/internal/app", "example.org/other"), "does not name")
	expect(t, use("illumi/scripts/e2e", "example.org/other"), "")
}

func TestUndocumented_Catches(t *testing.T) {
	mod := "module illumi\n\ngo 1.26\n\nrequire example.org/one v1.0.0\n\nrequire (\n\texample.org/two v2.0.0\n\texample.org/three v3.0.0 // indirect\n)\n"
	line := func(module, version string) dependency { return dependency{module: module, version: version} }
	required := requirements(mod)
	if len(required) != 3 {
		t.Fatalf("requirements() = %v", required)
	}
	expect(t, undocumented(required, []dependency{line("example.org/one", "v1.0.0"), line("example.org/two", "v2.0.0")}), "")
	expect(t, undocumented(required, []dependency{line("example.org/one", "v1.0.0")}), "two has no line")
	expect(t, undocumented(required, []dependency{line("example.org/one", "v1.0.0"), line("example.org/two", "v2.0.1")}), "is v2.0.0 in go.mod")
	expect(t, undocumented(required[:1], []dependency{line("example.org/one", "v1.0.0"), line("example.org/two", "v2.0.0")}), "go.mod does not")
}

func TestDependencies_RefusesHalfLines(t *testing.T) {
	for _, doc := range []string{"| `a.b/c` | v1 | tests |", "| `a.b/c` | v1 | | why |"} {
		if all, err := dependencies(doc); err == nil {
			t.Errorf("dependencies(%q) = %v, want an error", doc, all)
		}
	}
}

func TestImpurities_Catches(t *testing.T) {
	tests := []struct{ name, src, want string }{
		{"duration", `import "time"; const d = 3 * time.Second; func f(t time.Time) time.Time { return t.Add(d) }`, ""},
		{"own After", `import "time"; func f(a, b time.Time) bool { return a.After(b) }`, ""},
		{"now", `import "time"; func f() time.Time { return time.Now() }`, "uses time.Now"},
		{"now by another name", `import clock "time"; var now = clock.Now`, "uses clock.Now"},
		{"dot import", `import . "time"; var now = Now`, "dot import of time"},
		{"timer", `import "time"; func f() { <-time.After(1) }`, "uses time.After"},
		{"luck", `import "math/rand/v2"; func f() int { return rand.IntN(6) }`, "uses rand.IntN"},
		{"seeded", `import "math/rand/v2"; func f(s rand.Source) *rand.Rand { return rand.New(s) }`, ""},
		{"disk", `import "os"; var f = os.Open`, "imports os"},
		{"network", `import "net/http"; var f = http.Get`, "imports net/http"},
		{"parser of addresses", `import "net/mail"; var f = mail.ParseAddress`, ""},
		{"log", `import "log/slog"; func f() { slog.Info("x") }`, "imports log/slog"},
		{"goroutine", `func f() { go f() }`, "starts a goroutine"},
		{"somebody else's", `import "example.org/x"; var y = x.Y`, "standard library only"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			found, err := impurities("a.go", "package a\n"+tt.src)
			if err != nil {
				t.Fatal(err)
			}
			expect(t, found, tt.want)
		})
	}
}

// expect wants exactly one complaint that holds want, or none where want is empty.
func expect(t *testing.T, complaints []string, want string) {
	t.Helper()
	if want == "" {
		if len(complaints) != 0 {
			t.Errorf("complaints: %v, want none", complaints)
		}
		return
	}
	if len(complaints) != 1 || !strings.Contains(complaints[0], want) {
		t.Errorf("complaints: %q, want one that says %q", complaints, want)
	}
}
