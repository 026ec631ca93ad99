package archtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// module is the name that go.mod gives us.
const module = "illumi"

// pkg is what the go command says about one package. Imports of its tests are not asked for:
// a test may use whatever shows the truth.
type pkg struct {
	ImportPath   string
	Dir          string
	Imports      []string
	GoFiles      []string
	TestGoFiles  []string
	XTestGoFiles []string
	Error        *struct{ Err string }
}

// load lists every package below root.
func load(root string) ([]pkg, error) {
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Dir,Imports,GoFiles,TestGoFiles,XTestGoFiles,Error", "./...")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list in %s: %w%s", root, err, stderr(err))
	}
	var pkgs []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list in %s: %w", root, err)
		}
		if p.Error != nil {
			return nil, fmt.Errorf("go list %s: %s", p.ImportPath, p.Error.Err)
		}
		pkgs = append(pkgs, p)
	}
}

func stderr(err error) string {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return ": " + string(exit.Stderr)
	}
	return ""
}

// short turns an import path into our short name for it; ok is false for other people's packages.
func short(path string) (name string, ok bool) {
	rest, ours := strings.CutPrefix(path, module+"/")
	if !ours {
		return path, false
	}
	for _, half := range []string{"agent", "server"} {
		if in, found := strings.CutPrefix(rest, half+"/internal/"); found {
			return half + " i/" + in, true
		}
		if in, found := strings.CutPrefix(rest, half+"/"); found {
			return half + " " + in, true
		}
	}
	return rest, true
}

func isScript(name string) bool { return strings.HasPrefix(name, "scripts/") }

func isStandard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".") && first != module
}

// below reports whether path is prefix or lies under it.
func below(path, prefix string) bool {
	return path == prefix || strings.HasPrefix(path, prefix+"/")
}

func find(name string) (row, bool) {
	all := slices.Concat(rows, inner)
	i := slices.IndexFunc(all, func(r row) bool { return r.name == name })
	if i < 0 {
		return row{}, false
	}
	return all[i], true
}

// edges complains about packages without a row and about imports of ours that no row allows.
func edges(pkgs []pkg) []string {
	var complaints []string
	for _, p := range pkgs {
		from, _ := short(p.ImportPath)
		r, known := find(from)
		if !known && !isScript(from) {
			complaints = append(complaints, fmt.Sprintf("%s is not in the table: add a row to scripts/archtest/arch.go and to docs/code.md", from))
			continue
		}
		may := r.may
		if isScript(from) {
			may = scriptsMay
		}
		for _, path := range p.Imports {
			to, ours := short(path)
			if !ours || to == everyone || slices.Contains(may, to) || isScript(from) && isScript(to) {
				continue
			}
			if !slices.ContainsFunc(extra, func(e edge) bool { return e.from == from && e.to == to }) {
				complaints = append(complaints, fmt.Sprintf("%s imports %s, which the table does not allow", from, to))
			}
		}
	}
	return complaints
}

// strays complains about imports of standard packages outside their homes.
func strays(pkgs []pkg) []string {
	var complaints []string
	for _, p := range pkgs {
		from, _ := short(p.ImportPath)
		if isScript(from) {
			continue // not shipped
		}
		for _, h := range homes {
			if slices.Contains(h.in, from) {
				continue
			}
			for _, path := range p.Imports {
				if below(path, h.path) {
					complaints = append(complaints, fmt.Sprintf("%s imports %s, whose home is %s: %s", from, path, strings.Join(h.in, ", "), h.why))
				}
			}
		}
	}
	return complaints
}

// sources returns the package's files with their folder, tests last.
func (p pkg) sources(tests bool) []string {
	names := slices.Clone(p.GoFiles)
	if tests {
		names = slices.Concat(names, p.TestGoFiles, p.XTestGoFiles)
	}
	for i, name := range names {
		names[i] = filepath.Join(p.Dir, name)
	}
	return names
}
