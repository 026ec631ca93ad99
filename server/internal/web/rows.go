package web

import (
	"html/template"
	"net/url"
	"strings"
)

// mould is markup with slots, %0 to %9, for words in elements and in quoted
// attributes. Lists of boxes are cast in moulds: see pieces.
type mould struct {
	parts []string
	slots []int // slots[i] follows parts[i]
}

func cast(source string) mould {
	m, source := mould{}, drawIcons(source)
	for {
		i := strings.IndexByte(source, '%')
		if i < 0 {
			m.parts = append(m.parts, source)
			return m
		}
		m.parts, m.slots = append(m.parts, source[:i]), append(m.slots, int(source[i+1]-'0'))
		source = source[i+2:]
	}
}

// fill appends the markup with the words escaped.
func (m mould) fill(b []byte, words ...string) []byte {
	for i, w := range words {
		words[i] = template.HTMLEscapeString(w)
	}
	for i, part := range m.parts {
		b = append(b, part...)
		if i < len(m.slots) {
			b = append(b, words[m.slots[i]]...)
		}
	}
	return b
}

var (
	boxHead    = cast(`<li class="item box%0" id="box-%1"><div class="item-head"><h2><a href="/boxes/%2"><bdi>%3</bdi></a></h2><span class="presence">`)
	revokeForm = cast(` <form method="post" action="/boxes/%0/revoke" data-confirm="Revoke %1?" data-text="The box loses its right to this server at once and for good. A whisper that waits for it waits on, until you end it." data-yes="Revoke the box"><button class="btn btn-quiet danger" type="submit">Revoke…<span class="visually-hidden"> %1</span></button></form>`)
	heldHead   = cast(`<p class="alert alert-warning">{{icon "warning"}}<span>Two boxes used this identity, `).parts[0]
	heldFoot   = `. Was the card or its data copied? Another board is refused; two copies push each other out. If you cannot tell which one is right, revoke the box and enrol it anew.</span></p>`
	firstGenIs = cast(`<span class="state state-hold">{{icon "warning"}}<span>first generation: no secret, accepted from %0</span></span>`)
)

// boxItem is a box in the list of boxes; keeper: the reader may end it.
func boxItem(r boxRow, keeper bool) template.HTML {
	gone, id := "", url.PathEscape(r.ID)
	if !r.Active() {
		gone = " gone"
	}
	b := boxHead.fill(make([]byte, 0, 2048), gone, r.ID, id, r.Name)
	b = append(appendPresence(b, r.Presence), "</span>"...)
	if keeper && r.Active() {
		b = revokeForm.fill(b, id, r.Name)
	}
	b = append(b, "</div>"...)
	if !r.HeldAt.IsZero() {
		b = appendMoment(append(b, heldHead...), asAgo, "", r.HeldAt)
		b = append(b, heldFoot...)
	}
	b = appendFirstGen(b, r)
	if r.Needs != "" {
		b = append(b, `<p class="states">`...)
		b = appendState(b, state{"needs help: " + r.Needs, "warning", "bad"})
		b = append(b, "</p>"...)
	}
	return made(append(appendBoxFacts(b, r), "</li>"...))
}

// appendFirstGen says of a box that it has no secret, where that is so.
func appendFirstGen(b []byte, r boxRow) []byte {
	if !r.FirstGen.Is() {
		return b
	}
	return firstGenIs.fill(b, strings.Join(r.FirstGen.Networks, ", "))
}

// appendBoxFacts is the small print of a box in a list.
func appendBoxFacts(b []byte, r boxRow) []byte {
	b = append(b, `<p class="quiet">`...)
	if r.BoardModel != "" && !r.FirstGen.Is() {
		b = append(appendName(b, r.BoardModel), ", "...)
	}
	b = appendMoment(append(b, "enrolled "...), asAgo, "", r.EnrolledAt)
	if r.ActiveHop != "" {
		b = append(b, ", has a whisper now"...)
	}
	if r.Capabilities.Simulated && !r.SaysSimulated() {
		b = append(b, ", simulated"...)
	}
	return append(b, "</p>"...)
}

var (
	tick       = cast(`<li class="choice"><input class="form-check-input" type="checkbox" id="box-%0" name="box" value="%0"`)
	tickLabel  = cast(`><label for="box-%0"><bdi>%1</bdi> <span class="presence">`)
	placeField = cast(`</label><span class="place" data-place><label for="place-%0">Place<span class="visually-hidden"> of %1</span></label><input class="form-control" id="place-%0" name="place-%0" inputmode="numeric" size="3" maxlength="3" value="%2">`)
	upButton   = cast(`<button class="btn btn-outline" type="submit" name="step" value="up:%0" formnovalidate data-move="-1"%2><span aria-hidden="true">↑</span><span class="visually-hidden">Move %1 up</span></button>`)
	downButton = cast(`<button class="btn btn-outline" type="submit" name="step" value="down:%0" formnovalidate data-move="1"%2><span aria-hidden="true">↓</span><span class="visually-hidden">Move %1 down</span></button></span></li>`)
)

// where gives a word that is there under a condition.
func where(is bool, word string) string {
	if is {
		return word
	}
	return ""
}

// choice offers a box for a whisper, with a place in an order of one's own; bad:
// the boxes that were chosen are refused, and the first one is where to go.
func choice(r boxRow, bad bool, number int) template.HTML {
	b := tick.fill(make([]byte, 0, 2048), r.ID)
	b = append(b, where(r.Chosen, " checked")...)
	b = append(b, where(bad, ` aria-describedby="boxes-problem"`)...)
	b = append(b, where(bad && number == 0, " autofocus")...)
	b = tickLabel.fill(b, r.ID, r.Name)
	b = append(appendPresence(b, r.Presence), "</span>"...)
	b = appendFirstGen(b, r)
	for _, n := range r.Notes {
		b = append(b, showNote(n)...)
	}
	b = placeField.fill(b, r.ID, r.Name, r.Place)
	b = upButton.fill(b, r.ID, r.Name, where(r.Moved == "up", " autofocus"))
	return made(downButton.fill(b, r.ID, r.Name, where(r.Moved == "down", " autofocus")))
}

// showNote is what to know of a box before it is chosen.
func showNote(n boxNote) template.HTML {
	b := append(make([]byte, 0, 384), ` <span class="note">`...)
	b = append(appendIcon(b, n.Icon), "<span>"...)
	b = text(b, n.Text)
	if !n.At.IsZero() {
		b = append(appendMoment(append(b, ' '), asAgo, "", n.At), '.')
	}
	return made(append(b, "</span></span>"...))
}
