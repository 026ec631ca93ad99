package web

import (
	"html/template"
	"net/url"
	"regexp"
	"sync"
	"time"

	"illumi/server/internal/web/assets"
)

// Pieces are in every row of every list. A template evaluates and escapes each
// value at each place anew, by reflection, which was half of a page's time; so
// these are written in one go, with what people may have typed escaped here.

// text appends words, escaped for an element's content and for an attribute in
// quotes.
func text(b []byte, words string) []byte {
	return append(b, template.HTMLEscapeString(words)...)
}

var sprite = sync.OnceValue(func() string { return template.HTMLEscapeString("/assets/" + assets.Path("icons.svg") + "#") })

func appendIcon(b []byte, name string) []byte {
	b = append(b, `<svg class="icon" aria-hidden="true" focusable="false" width="20" height="20"><use href="`...)
	b = append(b, sprite()...)
	b = text(b, name)
	return append(b, `"></use></svg>`...)
}

// icon shows one of our own icons.
func icon(name string) template.HTML { return made(appendIcon(make([]byte, 0, 160), name)) }

// made is for what was escaped while it was written.
func made(b []byte) template.HTML { return template.HTML(b) } //nolint:gosec // see text

// namedIcons finds those whose name is in the template itself.
var namedIcons = regexp.MustCompile(`\{\{icon "([a-z0-9-]+)"\}\}`)

// drawIcons writes the icons that a template names into its text, so that
// showing it costs nothing for them.
func drawIcons(source string) string {
	return namedIcons.ReplaceAllStringFunc(source, func(call string) string { return string(icon(namedIcons.FindStringSubmatch(call)[1])) })
}

// A moment is a time: for people as a clock shows it, and exactly for scripts,
// which look for the attribute.
func appendMoment(b []byte, attribute, before string, t time.Time) []byte {
	t = t.UTC()
	b = append(b, `<time datetime="`...)
	b = t.AppendFormat(b, time.RFC3339)
	b = append(b, '"')
	b = append(b, attribute...)
	b = append(b, '>')
	b = append(b, before...)
	b = t.AppendFormat(b, clockLayout)
	return append(b, "</time>"...)
}

// Attributes that say how scripts tell a time.
const (
	asAgo   = " data-ago"
	asExact = " data-exact"
	asFor   = " data-for" // how long it has been so, as in "has waited for 5 minutes"
	since   = "since "    // which people without scripts read before it
)

func moment(attribute, before string) func(t time.Time) template.HTML {
	return func(t time.Time) template.HTML { return made(appendMoment(make([]byte, 0, 96), attribute, before, t)) }
}

func appendState(b []byte, s state) []byte {
	b = append(b, `<span class="state state-`...)
	b = text(b, s.Tone)
	b = append(b, `">`...)
	b = appendIcon(b, s.Icon)
	b = append(b, "<span>"...)
	b = text(b, s.Word)
	return append(b, "</span></span>"...)
}

func showState(s state) template.HTML { return made(appendState(make([]byte, 0, 256), s)) }

// mark is a state that a template makes up.
func mark(icon, tone, word string) template.HTML { return showState(state{word, icon, tone}) }

// appendPresence is how a box is, and when it was heard of last where it is not heard.
func appendPresence(b []byte, p presence) []byte {
	b = appendState(b, p.state)
	if !p.Seen.IsZero() && !p.Alive() {
		b = append(b, ` <span class="seen">last seen `...)
		b = appendMoment(b, asAgo, "", p.Seen)
		b = append(b, "</span>"...)
	}
	return b
}

func showPresence(p presence) template.HTML { return made(appendPresence(make([]byte, 0, 384), p)) }

// beads are one light for each turn, lit where it is answered.
func beads(lit []bool) template.HTML {
	b := append(make([]byte, 0, 64+20*len(lit)), `<span class="beads" aria-hidden="true">`...)
	for _, on := range lit {
		if on {
			b = append(b, `<i class="lit"></i>`...)
		} else {
			b = append(b, "<i></i>"...)
		}
	}
	return made(append(b, "</span>"...))
}

func appendName(b []byte, words string) []byte {
	b = append(b, "<bdi>"...)
	b = text(b, words)
	return append(b, "</bdi>"...)
}

var wayLink = cast(`<a href="%0%1"><bdi>%2</bdi></a>`)

// way leads to what people gave a name: a path of ours, an id, the name.
func way(path, id, name string) template.HTML {
	return made(wayLink.fill(make([]byte, 0, 128), path, url.PathEscape(id), name))
}

// line is one of a whisper's history.
func line(e eventView) template.HTML {
	b := append(make([]byte, 0, 256), "<li>"...)
	b = appendMoment(b, asExact, "", e.At)
	b = append(b, " <span>"...)
	if e.Who != "" {
		b = appendName(b, e.Who)
	}
	b = text(b, e.Before)
	if e.Box != "" {
		b = appendName(b, e.Box)
	}
	b = text(b, e.After)
	return made(append(b, "</span></li>"...))
}
