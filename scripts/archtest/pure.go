package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"slices"
	"strconv"
)

// impurities parses one file of a pure package and returns what it does that rules may not do:
// read a clock, draw luck, reach the machine, start a goroutine, or lean on somebody else's module.
func impurities(name string, src any) ([]string, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, src, parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("parse for purity: %w", err)
	}
	var found []string
	complain := func(n ast.Node, format string, args ...any) {
		at := fset.Position(n.Pos())
		found = append(found, fmt.Sprintf("%s:%d: %s", at.Filename, at.Line, fmt.Sprintf(format, args...)))
	}

	forbidden := map[string][]string{} // local package name: its functions that may not be used
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, fmt.Errorf("import %s in %s: %w", spec.Path.Value, name, err)
		}
		local := path.Base(imported)
		switch imported {
		case "math/rand/v2":
			local = "rand"
		}
		if spec.Name != nil {
			local = spec.Name.Name
		}
		switch {
		case imported == "time", imported == "math/rand", imported == "math/rand/v2":
			if local == "." {
				complain(spec, "dot import of %s hides what is used of it", imported)
			}
			forbidden[local] = impureRand
			if imported == "time" {
				forbidden[local] = impureTime
			}
		case !isStandard(imported) && !below(imported, module):
			complain(spec, "imports %s; rules use the standard library only", imported)
		case impure(imported):
			complain(spec, "imports %s; rules do not touch the machine", imported)
		}
	}

	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			complain(n, "starts a goroutine; rules are plain functions")
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && slices.Contains(forbidden[x.Name], n.Sel.Name) {
				complain(n, "uses %s.%s; time and luck come in as values", x.Name, n.Sel.Name)
			}
		}
		return true
	})
	return found, nil
}

func impure(imported string) bool {
	if slices.Contains(pureExceptions, imported) {
		return false
	}
	return slices.ContainsFunc(impurePaths, func(p string) bool { return below(imported, p) })
}
