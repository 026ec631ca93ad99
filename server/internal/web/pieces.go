package web

import (
	"html/template"
	"time"

	"illumi/server/internal/web/assets"
)

// Icons and moments are in every row of every list. A template escapes each
// value at each place anew, by reflection, which was a quarter of a page's time;
// nothing of these comes from people, so they are written in one go.

// icon shows one of our own icons; its name is ours, too.
func icon(name string) template.HTML {
	return template.HTML(`<svg class="icon" aria-hidden="true" focusable="false" width="20" height="20"><use href="/assets/` + //nolint:gosec // no words of people's
		template.HTMLEscapeString(assets.Path("icons.svg")+"#"+name) + `"></use></svg>`)
}

// moment makes a function that writes a time: for people as a clock shows it,
// and exactly for scripts, which look for the attribute.
func moment(attribute, before string) func(t time.Time) template.HTML {
	return func(t time.Time) template.HTML {
		t = t.UTC()
		b := make([]byte, 0, 96)
		b = append(b, `<time datetime="`...)
		b = t.AppendFormat(b, time.RFC3339)
		b = append(b, '"')
		b = append(b, attribute...)
		b = append(b, '>')
		b = append(b, before...)
		b = t.AppendFormat(b, clockLayout)
		b = append(b, "</time>"...)
		return template.HTML(b) //nolint:gosec // as above
	}
}
