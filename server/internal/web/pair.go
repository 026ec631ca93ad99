package web

import (
	"fmt"
	"net/url"
	"strconv"
)

// pair is two links of a whisper, large and side by side. Without a choice it
// is the seed and the latest answer, and follows the whisper.
type pair struct {
	Left, Right side
	Choices     []side // all that can be compared
	Chosen      bool
}

// side is one link of a pair.
type side struct {
	Number int
	Box    string // empty: the seed
	Answer answer
	Has    bool // false: nobody has answered yet
}

// Title names a side in a list.
func (s side) Title() string {
	if s.Box == "" {
		return "The seed"
	}
	return fmt.Sprintf("%d, %s", s.Number, s.Box)
}

// pairUp sets two links side by side; a and b are their numbers, as somebody
// chose them. What is not there is as if nothing had been chosen.
func (v *whisperView) pairUp(a, b string) {
	p := pair{Left: side{Answer: v.Seed, Has: true}}
	p.Choices = []side{p.Left}
	for _, h := range v.Hops {
		if h.Lit {
			p.Choices = append(p.Choices, side{h.Position, h.Box, h.Answer, true})
		}
	}
	if len(p.Choices) > 1 {
		p.Right = p.Choices[len(p.Choices)-1]
	}
	left, okA := p.find(a)
	right, okB := p.find(b)
	if okA && okB {
		p.Left, p.Right, p.Chosen = left, right, true
	}
	p.Left.Answer, p.Right.Answer = p.Left.Answer.On("left"), p.Right.Answer.On("right")
	v.Pair = p
}

func (p pair) find(number string) (side, bool) {
	n, err := strconv.Atoi(number)
	for _, s := range p.Choices {
		if err == nil && s.Number == n {
			return s, true
		}
	}
	return side{}, false
}

// Query is the choice as a part of the page's address.
func (p pair) Query() string {
	if !p.Chosen {
		return ""
	}
	return "?" + url.Values{"a": {strconv.Itoa(p.Left.Number)}, "b": {strconv.Itoa(p.Right.Number)}}.Encode()
}
