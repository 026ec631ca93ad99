package web

import (
	"bytes"
	"html/template"
	"testing"
	"time"
)

// Pieces are as html/template would write them, and let nothing through.
func TestPieces(t *testing.T) {
	text := template.Must(template.New("").Funcs(funcs).Parse(
		`<svg class="icon" aria-hidden="true" focusable="false" width="20" height="20"><use href="{{asset "icons.svg"}}#{{.Icon}}"></use></svg>` +
			`<time datetime="{{rfc3339 .At}}" data-for>since {{clock .At}}</time>`))
	made := template.Must(template.New("").Funcs(funcs).Parse(`{{icon .Icon}}{{for .At}}`))
	for _, name := range []string{"key", `"><script>`} {
		data := map[string]any{"Icon": name, "At": time.Date(2026, 3, 4, 5, 6, 7, 8, time.FixedZone("", 3600))}
		var want, got bytes.Buffer
		if err := text.Execute(&want, data); err != nil {
			t.Fatal(err)
		}
		if err := made.Execute(&got, data); err != nil {
			t.Fatal(err)
		}
		if name == "key" && got.String() != want.String() {
			t.Errorf("got  %s\nwant %s", &got, &want)
		}
		if bytes.Contains(got.Bytes(), []byte("<script")) {
			t.Errorf("an icon's name gets through: %s", &got)
		}
	}
}
