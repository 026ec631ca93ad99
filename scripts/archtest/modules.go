package archtest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// requirement is one module that a go.mod names.
type requirement struct {
	path, version string
	direct        bool
}

var requireLine = regexp.MustCompile(`(?m)^(?:require)?\s+([^\s()]+\.[^\s()]+)\s+(v\S+)( // indirect)?\s*$`)

// requirements reads the require lines of a go.mod.
func requirements(mod string) []requirement {
	var all []requirement
	for _, m := range requireLine.FindAllStringSubmatch(mod, -1) {
		all = append(all, requirement{path: m[1], version: m[2], direct: m[3] == ""})
	}
	return all
}

// dependency is one line of docs/dependencies.md.
type dependency struct {
	module, version string
	homes           []string // short names of packages; "tests" alone for what is not shipped
	why             string
}

// dependencies reads the table rows whose first cell is a module path in backquotes.
func dependencies(doc string) ([]dependency, error) {
	var all []dependency
	for line := range strings.Lines(doc) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if !strings.HasPrefix(strings.TrimSpace(line), "| `") {
			continue
		}
		if len(cells) != 4 || slices.Contains(cells, "") {
			return nil, fmt.Errorf("docs/dependencies.md: want | `module` | version | home | reason |, got %s", strings.TrimSpace(line))
		}
		d := dependency{module: strings.Trim(cells[0], "`"), version: cells[1], why: cells[3]}
		for h := range strings.SplitSeq(cells[2], ",") {
			d.homes = append(d.homes, strings.TrimSpace(h))
		}
		all = append(all, d)
	}
	return all, nil
}

// undocumented compares go.mod with docs/dependencies.md, both ways.
func undocumented(required []requirement, documented []dependency) []string {
	var complaints []string
	for _, r := range required {
		if !r.direct {
			continue
		}
		i := slices.IndexFunc(documented, func(d dependency) bool { return d.module == r.path })
		switch {
		case i < 0:
			complaints = append(complaints, fmt.Sprintf("%s has no line in docs/dependencies.md: add version, home and reason", r.path))
		case documented[i].version != r.version:
			complaints = append(complaints, fmt.Sprintf("%s is %s in go.mod and %s in docs/dependencies.md", r.path, r.version, documented[i].version))
		}
	}
	for _, d := range documented {
		if !slices.ContainsFunc(required, func(r requirement) bool { return r.path == d.module }) {
			complaints = append(complaints, fmt.Sprintf("docs/dependencies.md names %s, which go.mod does not", d.module))
		}
	}
	return complaints
}

// homeless complains about imports of other people's modules outside the homes that the document gives them.
func homeless(pkgs []pkg, documented []dependency) []string {
	var complaints []string
	for _, p := range pkgs {
		from, _ := short(p.ImportPath)
		if isScript(from) {
			continue // not shipped
		}
		for _, path := range p.Imports {
			if isStandard(path) || below(path, module) {
				continue
			}
			// The longest match: a/b/parsers/yaml is a module beside a/b.
			var owner *dependency
			for i, d := range documented {
				if below(path, d.module) && (owner == nil || len(d.module) > len(owner.module)) {
					owner = &documented[i]
				}
			}
			switch {
			case owner == nil:
				complaints = append(complaints, fmt.Sprintf("%s imports %s, which docs/dependencies.md does not name", from, path))
			case !slices.Contains(owner.homes, from):
				complaints = append(complaints, fmt.Sprintf("%s imports %s, whose home is %s", from, path, strings.Join(owner.homes, ", ")))
			}
		}
	}
	return complaints
}
