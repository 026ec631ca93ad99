package route

import (
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"illumi/server/internal/model"
)

// Ids of the ways to order the boxes of one start; ShuffleV1 is the first. Like
// that one's, their definitions never change.
const (
	// WilliamsV1 is a Williams square: the input as ShuffleV1 orders it, numbered
	// 0 … n-1; the first row is 0, 1, n-1, 2, n-2 …; row r is the first with r
	// added to each number, modulo n. An odd n adds each row backwards, after all
	// of the others. Each box stands once in each place (twice where n is odd) and
	// once, or twice, right after each other box (people.md R13).
	WilliamsV1 = "illumi-williams-1"
	// FixedV1 and UploadedV1 draw nothing: the input is the order.
	FixedV1    = "fixed-1"
	UploadedV1 = "uploaded-1"
)

// Plan is the order of each whisper of one start.
type Plan struct {
	Orders []model.Order
	Rows   [][]string // names, a row for each order
}

// PlanShuffle draws count orders of the same names.
func PlanShuffle(seed [SeedBytes]byte, names []string, count int) (Plan, error) {
	var p Plan
	for k := range count {
		o := Shuffle(DeriveSeed(seed, k), names)
		row, err := Arrange(o)
		if err != nil {
			return p, err
		}
		p.Orders, p.Rows = append(p.Orders, o), append(p.Rows, row)
	}
	return p, nil
}

// PlanWilliams makes the square of the names: as many orders as there are
// names, or twice as many where their number is odd.
func PlanWilliams(seed [SeedBytes]byte, names []string) (Plan, error) {
	input := slices.Sorted(slices.Values(names))
	o := model.Order{Algorithm: WilliamsV1, Seed: hex.EncodeToString(seed[:]), Input: input}
	rows, err := Square(o)
	if err != nil {
		return Plan{}, err
	}
	p := Plan{Rows: rows}
	for range rows {
		p.Orders = append(p.Orders, o)
	}
	return p, nil
}

// Square gives all rows of a Williams record. Whisper k of the start travelled
// row k, counted from 1.
func Square(o model.Order) ([][]string, error) {
	if o.Algorithm != WilliamsV1 {
		return nil, fmt.Errorf("route: %q is no square", o.Algorithm)
	}
	shuffled, err := Arrange(model.Order{Algorithm: ShuffleV1, Seed: o.Seed, Input: o.Input})
	if err != nil {
		return nil, err
	}
	n := len(shuffled)
	first := make([]int, n)
	for i := range first {
		switch {
		case i == 0:
		case i%2 == 1:
			first[i] = (i + 1) / 2
		default:
			first[i] = n - i/2
		}
	}
	var rows [][]string
	for r := range n {
		row := make([]string, n)
		for i, v := range first {
			row[i] = shuffled[(v+r)%n]
		}
		rows = append(rows, row)
	}
	if n%2 == 1 && n > 1 {
		for r := range n {
			back := slices.Clone(rows[r])
			slices.Reverse(back)
			rows = append(rows, back)
		}
	}
	return rows, nil
}

// PlanGiven takes orders as somebody wrote them.
func PlanGiven(algorithm string, rows [][]string) Plan {
	p := Plan{Rows: rows}
	for _, row := range rows {
		p.Orders = append(p.Orders, model.Order{Algorithm: algorithm, Input: slices.Clone(row)})
	}
	return p
}

// ParseRows reads a table of orders: a line for each whisper, the boxes' names
// in the order of the chain, with commas, semicolons or tabs between. A byte
// order mark and empty cells at the end of a line are passed over, and so is a
// first line that names no box. Mistakes are told with line and place.
func ParseRows(text string, known map[string]bool) ([][]string, error) {
	text = strings.TrimPrefix(text, "\ufeff")
	r := csv.NewReader(strings.NewReader(text))
	r.FieldsPerRecord, r.TrimLeadingSpace = -1, true
	r.Comma = separator(text)
	var rows [][]string
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, rowsError("The table cannot be read: " + plain(err) + ".")
		}
		line, _ := r.FieldPos(0)
		row, err := parseRow(cells, line, known)
		if err != nil {
			if len(rows) == 0 && line == 1 && !slices.ContainsFunc(cells, func(c string) bool { return known[strings.TrimSpace(c)] }) {
				continue // the columns' names
			}
			return nil, err
		}
		if len(row) > 0 {
			rows = append(rows, row)
		}
	}
	if len(rows) == 0 {
		return nil, rowsError("The table has no line with a box in it.")
	}
	return rows, nil
}

func parseRow(cells []string, line int, known map[string]bool) ([]string, error) {
	var row []string
	for i, cell := range cells {
		name := strings.TrimSpace(cell)
		switch {
		case name == "" && !slices.ContainsFunc(cells[i:], func(c string) bool { return strings.TrimSpace(c) != "" }):
			return row, nil // empty cells at the end
		case name == "":
			return nil, rowsError(fmt.Sprintf("Line %d, place %d is empty.", line, i+1))
		case !known[name]:
			return nil, rowsError(fmt.Sprintf("Line %d, place %d: there is no box called %q.", line, i+1, name))
		case slices.Contains(row, name):
			return nil, rowsError(fmt.Sprintf("Line %d, place %d: %q is in this line twice.", line, i+1, name))
		}
		row = append(row, name)
	}
	return row, nil
}

func rowsError(sentence string) error {
	return model.RefuseField("rows", sentence, "Write one line for each whisper: names of boxes, with commas between.")
}

func plain(err error) string {
	var p *csv.ParseError
	if errors.As(err, &p) {
		return fmt.Sprintf("line %d, %v", p.Line, p.Err)
	}
	return err.Error()
}

// separator is what stands most often between the first line's cells.
func separator(text string) rune {
	first, _, _ := strings.Cut(text, "\n")
	best := ','
	for _, r := range []rune{';', '\t'} {
		if strings.Count(first, string(r)) > strings.Count(first, string(best)) {
			best = r
		}
	}
	return best
}
