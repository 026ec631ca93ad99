package route

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// The program that the documentation gives computes what illumi travels.
func TestDocumentedPython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 here")
	}
	doc, err := os.ReadFile("../../../docs/randomisation.md")
	if err != nil {
		t.Fatal(err)
	}
	var program strings.Builder
	for _, block := range regexp.MustCompile("(?s)```python\n(.*?)```").FindAllSubmatch(doc, -1) {
		program.Write(block[1])
		program.WriteByte('\n')
	}
	program.WriteString(`
import json, sys
print(json.dumps([[williams(s, n), arrange(s, n)] for s, n in json.load(sys.stdin)]))
`)
	var ask [][]any
	var want [][]any
	for n := 1; n <= 20; n++ {
		seed := [SeedBytes]byte{0: byte(n), 31: 7}
		p, err := PlanWilliams(seed, boxNames(n))
		if err != nil {
			t.Fatal(err)
		}
		row, err := Arrange(Shuffle(seed, boxNames(n)))
		if err != nil {
			t.Fatal(err)
		}
		ask = append(ask, []any{hex.EncodeToString(seed[:]), boxNames(n)})
		want = append(want, []any{p.Rows, row})
	}
	input, err := json.Marshal(ask)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, "-c", program.String())
	cmd.Stdin, cmd.Stderr = strings.NewReader(string(input)), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	wanted, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got, expected any
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(wanted, &expected); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, expected) {
		t.Errorf("python says\n%s\nand illumi\n%s", out, wanted)
	}
}
