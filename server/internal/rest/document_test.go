package rest

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"

	"illumi/protocol"
	"illumi/server/internal/model"
)

var update = flag.Bool("update", false, "write docs/openapi.yaml anew")

const committed = "../../../docs/openapi.yaml"

func newDocument(t *testing.T) (*API, *echo.Echo) {
	t.Helper()
	e := echo.New()
	a, err := New(e, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return a, e
}

// The committed document is the served one.
func TestDocument_Committed(t *testing.T) {
	a, _ := newDocument(t)
	now, err := a.Document()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(committed, now, 0o644); err != nil { //nolint:gosec // for everybody to read
			t.Fatal(err)
		}
	}
	was, err := os.ReadFile(committed)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(was, now) {
		t.Error("docs/openapi.yaml is old; write it by: go test ./server/internal/rest -run Document -update")
	}
}

// operationsOf walks the document: path, method, operation.
func operationsOf(a *API, each func(path, method string, o *huma.Operation)) {
	for path, item := range a.huma.OpenAPI().Paths {
		for method, o := range map[string]*huma.Operation{
			"GET": item.Get, "HEAD": item.Head, "POST": item.Post, "PUT": item.Put, "PATCH": item.Patch, "DELETE": item.Delete,
		} {
			if o != nil {
				each(path, method, o)
			}
		}
	}
}

func TestDocument_Lint(t *testing.T) {
	a, _ := newDocument(t)
	seen := map[string]bool{}
	var known []string
	for _, tag := range a.huma.OpenAPI().Tags {
		known = append(known, tag.Name)
	}
	name := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	operationsOf(a, func(path, method string, o *huma.Operation) {
		fail := func(format string, args ...any) { t.Errorf("%s %s: "+format, append([]any{method, path}, args...)...) }
		if !name.MatchString(o.OperationID) || seen[o.OperationID] {
			fail("its id %q is none, or not its own", o.OperationID)
		}
		seen[o.OperationID] = true
		if len(o.Summary) < 5 || strings.HasSuffix(o.Summary, ".") || strings.ToUpper(o.Summary[:1]) != o.Summary[:1] {
			fail("its summary is %q", o.Summary)
		}
		if len(o.Tags) != 1 || !slices.Contains(known, o.Tags[0]) {
			fail("its tags are %v", o.Tags)
		}
		if len(o.Security) != 1 || len(o.Security[0]) == 0 && o.OperationID != "box-enrol" {
			fail("it does not say what it asks for: %v", o.Security)
		}
		for _, p := range o.Parameters {
			if p.Schema == nil || p.Description == "" {
				fail("its parameter %s has no schema or no description", p.Name)
			}
		}
		for _, m := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(path, -1) {
			if !slices.ContainsFunc(o.Parameters, func(p *huma.Param) bool { return p.In == "path" && p.Name == m[1] && p.Required }) {
				fail("%s is not described", m[1])
			}
		}
		success, problems := 0, 0
		for status, r := range o.Responses {
			if r.Description == "" {
				fail("its answer %s has no description", status)
			}
			if status < "400" {
				success++
				continue
			}
			problems++
			if c := r.Content[protocol.ProblemType]; c == nil || c.Schema == nil || c.Schema.Ref != "#/components/schemas/Problem" {
				fail("its answer %s is no problem document", status)
			}
		}
		if success != 1 || problems < 4 {
			fail("%d answers of success, %d problems", success, problems)
		}
	})
	for name, s := range a.huma.OpenAPI().Components.Schemas.Map() {
		for field, p := range s.Properties {
			if p.Ref == "" && p.Description == "" {
				t.Errorf("%s.%s has no description", name, field)
			}
			for _, example := range p.Examples {
				checkValue(t, a.huma.OpenAPI().Components.Schemas, p, example, name+"."+field)
			}
		}
	}
}

// checkValue checks a value, as it comes out of JSON, against a schema.
func checkValue(t *testing.T, r huma.Registry, s *huma.Schema, v any, where string) {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var plain any
	if err := json.Unmarshal(text, &plain); err != nil {
		t.Fatal(err)
	}
	var result huma.ValidateResult
	huma.Validate(r, s, huma.NewPathBuffer([]byte{}, 0), huma.ModeReadFromServer, plain, &result)
	for _, err := range result.Errors {
		t.Errorf("%s: %v", where, err)
	}
}

// docs/api.md lists every operation, with what it needs.
func TestDocument_Table(t *testing.T) {
	a, _ := newDocument(t)
	var table strings.Builder
	for _, tag := range a.huma.OpenAPI().Tags {
		if tag.Name == boxTag {
			continue
		}
		fmt.Fprintf(&table, "\n**%s.** %s.\n\n| operation | what it does | scope |\n|---|---|---|\n", tag.Name, tag.Description)
		var rows []string
		operationsOf(a, func(path, method string, o *huma.Operation) {
			if o.Tags[0] != tag.Name {
				return
			}
			_, scope, ok := strings.Cut(strings.TrimSuffix(o.Description, "."), "Needs the scope ")
			if !ok {
				scope = "any"
			}
			if scope == "read or media or export or write or admin" {
				scope = "any but boxes"
			}
			rows = append(rows, fmt.Sprintf("| `%s %s` | %s | %s |\n", method, path, strings.TrimSuffix(o.Summary, "?"), scope))
		})
		slices.SortFunc(rows, func(a, b string) int { return strings.Compare(pathFirst(a), pathFirst(b)) })
		table.WriteString(strings.Join(rows, ""))
	}
	const file, begins, ends = "../../../docs/api.md", "<!-- operations -->\n", "<!-- end of operations -->"
	was, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, found := strings.Cut(string(was), begins)
	_, tail, closed := strings.Cut(rest, ends)
	if !found || !closed {
		t.Fatal("docs/api.md has no place for the table")
	}
	for _, s := range model.Scopes() {
		if !strings.Contains(head, "| `"+string(s)+"` | "+s.Words()+" |") {
			t.Errorf("docs/api.md does not say that the page calls %s %q", s, s.Words())
		}
	}
	now := head + begins + table.String() + "\n" + ends + tail
	if *update {
		if err := os.WriteFile(file, []byte(now), 0o644); err != nil { //nolint:gosec // for everybody to read
			t.Fatal(err)
		}
	} else if now != string(was) {
		t.Error("the table of docs/api.md is old; write it by: go test ./server/internal/rest -run Document -update")
	}
}

// pathFirst orders a row of the table by its path, then by its method.
func pathFirst(row string) string {
	method, path, _ := strings.Cut(row, " /")
	path, _, _ = strings.Cut(path, "`")
	return path + " " + method
}

// Whatever is documented below /api/v1 answers, but for the boxes' own routes,
// which package app compares; whatever is registered is documented.
func TestDocument_Routes(t *testing.T) {
	a, e := newDocument(t)
	registered := map[string]bool{}
	for _, r := range e.Routes() {
		if !strings.Contains(r.Path, "/uploads") && !strings.Contains(r.Path, "/openapi.") {
			registered[r.Method+" "+r.Path] = true
		}
	}
	operationsOf(a, func(path, method string, o *huma.Operation) {
		at := fmt.Sprintf("%s %s%s", method, Base, echoPath(path))
		if o.Tags[0] == "device" || o.OperationID == "upload" {
			return
		}
		if !registered[at] {
			t.Errorf("%s is documented and not registered", at)
		}
		delete(registered, at)
	})
	for at := range registered {
		t.Errorf("%s is registered and not documented", at)
	}
}
