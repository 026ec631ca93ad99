package relay

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"illumi/protocol"
	"illumi/server/internal/model"
)

// passedOn are what kinds are called where they are only handed on.
var passedOn = []string{"kind", "n.Kind", "d.Kind", "string(e.Step)"}

// kindAt is the Kind of a composite literal that makes a line of history, as it
// is written; ok is false for anything else.
func kindAt(n ast.Node) (expr ast.Expr, ok bool) {
	lit, is := n.(*ast.CompositeLit)
	if !is {
		return nil, false
	}
	name := ""
	switch t := lit.Type.(type) {
	case *ast.Ident:
		name = t.Name
	case *ast.SelectorExpr:
		name = t.Sel.Name
	}
	if name != "Note" && name != "Decided" && name != "Event" || len(lit.Elts) == 0 {
		return nil, false
	}
	for _, e := range lit.Elts {
		if kv, keyed := e.(*ast.KeyValueExpr); keyed {
			if key, is := kv.Key.(*ast.Ident); is && key.Name == "Kind" {
				return kv.Value, true
			}
		}
	}
	if _, keyed := lit.Elts[0].(*ast.KeyValueExpr); !keyed && len(lit.Elts) > 1 {
		return lit.Elts[1], true
	}
	return nil, false
}

func text(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return text(e.X) + "." + e.Sel.Name
	case *ast.CallExpr:
		if len(e.Args) == 1 {
			return text(e.Fun) + "(" + text(e.Args[0]) + ")"
		}
	case *ast.BasicLit:
		return e.Value
	}
	return "something else"
}

// Every kind of event that the rules can write is in model's one list, and
// nothing is in the list that nobody writes.
func TestEventKinds(t *testing.T) {
	files := token.NewFileSet()
	constants := map[string]string{} // of model, by value
	for _, d := range parse(t, files, "../model/kinds.go").Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, s := range g.Specs {
			v, ok := s.(*ast.ValueSpec)
			if !ok || len(v.Values) != 1 || !strings.HasPrefix(v.Names[0].Name, "Event") {
				continue
			}
			constants["model."+v.Names[0].Name] = strings.Trim(text(v.Values[0]), `"`)
		}
	}
	written := map[string]bool{}
	for _, s := range []protocol.MessageType{protocol.TypeDelivered, protocol.TypeHeard, protocol.TypeRecording, protocol.TypeSaved} {
		written[string(s)] = true // route takes a box's steps as they are
	}
	for _, dir := range []string{".", "../route", "../auth"} {
		paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			ast.Inspect(parse(t, files, path), func(n ast.Node) bool {
				if sel, ok := n.(*ast.SelectorExpr); ok && constants[text(sel)] != "" {
					written[constants[text(sel)]] = true
				}
				if e, ok := kindAt(n); ok && constants[text(e)] == "" && !slices.Contains(passedOn, text(e)) {
					t.Errorf("%s: the kind %s is no constant of model/kinds.go", files.Position(e.Pos()), text(e))
				}
				return true
			})
		}
	}
	names := model.EventNames()
	if len(constants) != len(names) || len(names) < 30 {
		t.Errorf("%d constants, %d kinds in the list", len(constants), len(names))
	}
	for _, value := range constants {
		if !slices.Contains(names, value) {
			t.Errorf("the kind %q is not in the list", value)
		}
	}
	api, err := os.ReadFile("../../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range model.EventKinds() {
		if !written[k.Name] {
			t.Errorf("nobody writes the kind %q", k.Name)
		}
		if !strings.Contains(string(api), "| `"+k.Name+"` | "+k.Means+" |") {
			t.Errorf("docs/api.md has no line: | `%s` | %s |", k.Name, k.Means)
		}
	}
}

func parse(t *testing.T, files *token.FileSet, path string) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
