package route

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"illumi/server/internal/model"
)

func boxNames(n int) []string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("box %02d", i))
	}
	return names
}

// Balanced for first-order carry-over (people.md A6): every box once in every
// place and once right after every other; twice where their number is odd.
func TestWilliams_balanced(t *testing.T) {
	for n := 2; n <= 20; n++ {
		p, err := PlanWilliams([SeedBytes]byte{byte(n)}, boxNames(n))
		if err != nil {
			t.Fatal(err)
		}
		times := 1 + n%2
		if len(p.Rows) != n*times || len(p.Orders) != len(p.Rows) {
			t.Fatalf("%d boxes: %d rows", n, len(p.Rows))
		}
		places, after := map[string]int{}, map[string]int{}
		for _, row := range p.Rows {
			if got := slices.Sorted(slices.Values(row)); !slices.Equal(got, boxNames(n)) {
				t.Fatalf("%d boxes: a row is %v", n, row)
			}
			for i, name := range row {
				places[fmt.Sprint(name, i)]++
				if i > 0 {
					after[row[i-1]+name]++
				}
			}
		}
		for what, count := range map[string]map[string]int{"in a place": places, "after another": after} {
			want := n * n
			if what == "after another" {
				want = n * (n - 1)
			}
			if len(count) != want {
				t.Errorf("%d boxes: %d pairs %s, want %d", n, len(count), what, want)
			}
			for pair, c := range count {
				if c != times {
					t.Errorf("%d boxes: %s is %s %d times, want %d", n, pair, what, c, times)
				}
			}
		}
	}
}

// Golden rows: what a record stood for once, it stands for always.
func TestWilliams_golden(t *testing.T) {
	for n, want := range map[int]string{
		1: "box 00",
		3: "box 02 box 01 box 00|box 01 box 00 box 02|box 00 box 02 box 01|box 00 box 01 box 02|box 02 box 00 box 01|box 01 box 02 box 00",
		4: "box 01 box 00 box 03 box 02|box 00 box 02 box 01 box 03|box 02 box 03 box 00 box 01|box 03 box 01 box 02 box 00",
	} {
		p, err := PlanWilliams([SeedBytes]byte{31: 7}, boxNames(n))
		if err != nil {
			t.Fatal(err)
		}
		var rows []string
		for _, row := range p.Rows {
			rows = append(rows, strings.Join(row, " "))
		}
		if got := strings.Join(rows, "|"); got != want {
			t.Errorf("%d boxes:\n%s\nwant\n%s", n, got, want)
		}
		if again, err := Square(p.Orders[0]); err != nil || !slices.EqualFunc(again, p.Rows, slices.Equal[[]string]) {
			t.Errorf("%d boxes: the record gives other rows: %v", n, err)
		}
	}
}

func TestSquare_refuses(t *testing.T) {
	for _, o := range []model.Order{{Algorithm: ShuffleV1}, {Algorithm: WilliamsV1, Seed: "zz"}, {Algorithm: WilliamsV1, Seed: strings.Repeat("0", 64), Input: []string{"b", "a"}}} {
		if _, err := Square(o); err == nil {
			t.Errorf("%+v gave a square", o)
		}
	}
}

func TestParseRows(t *testing.T) {
	known := map[string]bool{"ann": true, "bob": true, "Zoë, 2nd": true}
	for text, want := range map[string]string{
		"ann,bob":                             "ann+bob",
		"\ufeffann;bob;\r\nbob;ann;;\r\n\r\n": "ann+bob|bob+ann",
		"first\tsecond\nann\tbob\n":           "ann+bob",
		"1,2,3\nbob, \"Zoë, 2nd\",ann":        "bob+Zoë, 2nd+ann",
		"ann":                                 "ann",
		"ann,bob\nann":                        "ann+bob|ann",
		"":                                    "! no line",
		" , ,":                                "! no line",
		"ann,eve":                             `! Line 1, place 2: there is no box called "eve".`,
		"ann,bob\nann,,bob":                   "! Line 2, place 2 is empty.",
		"ann,bob\nbob,ann,bob":                `! Line 2, place 3: "bob" is in this line twice.`,
		"ann,bob\neve,mallory":                "! Line 2, place 1: there is no box",
		"ann,\"bob":                           "! cannot be read: line",
	} {
		rows, err := ParseRows(text, known)
		var lines []string
		for _, r := range rows {
			lines = append(lines, strings.Join(r, "+"))
		}
		got := strings.Join(lines, "|")
		if bad, ok := strings.CutPrefix(want, "! "); ok {
			if e, refused := model.AsError(err); !refused || e.Field != "rows" || !strings.Contains(e.Sentence, bad) {
				t.Errorf("%q: %v, want %q", text, err, bad)
			}
		} else if err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
}

func FuzzParseRows(f *testing.F) {
	f.Add("ann;bob\nbob;ann")
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := ParseRows(text, map[string]bool{"ann": true, "bob": true})
		if err != nil {
			if _, refused := model.AsError(err); !refused {
				t.Fatal(err)
			}
			return
		}
		for _, r := range rows {
			if len(r) == 0 || len(r) > 2 {
				t.Fatalf("%q gave %q", text, r)
			}
		}
	})
}
