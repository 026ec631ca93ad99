package app

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// The examples of docs/protocol.md are vectors that both halves are tested
// against, not somebody's memory of them.
func TestDocs_ExamplesAreVectors(t *testing.T) {
	known := map[string]bool{}
	for _, name := range must(filepath.Glob("../../../protocol/testdata/*.json"))(t) {
		var file struct{ Good []struct{ Text string } }
		if err := json.Unmarshal(must(os.ReadFile(name))(t), &file); err != nil {
			t.Fatal(err)
		}
		for _, v := range file.Good {
			known[v.Text] = true
		}
	}
	doc := must(os.ReadFile("../../../docs/protocol.md"))(t)
	examples := regexp.MustCompile("(?s)```json\n(.*?)```").FindAllSubmatch(doc, -1)
	for _, e := range examples {
		var compact bytes.Buffer
		if err := json.Compact(&compact, e[1]); err != nil {
			t.Errorf("%v in %s", err, e[1])
		} else if !known[compact.String()] {
			t.Errorf("no vector: %s", compact.String())
		}
	}
	if len(examples) < 10 {
		t.Errorf("only %d examples found", len(examples))
	}
}
