// Package assets holds the pages' bundled scripts and styles, which build.mjs leaves in dist/.
// A server compiled without them still runs; its pages are then plain HTML.
package assets

import (
	"embed"
	"encoding/json"
	"io/fs"
	"sync"
)

// all: takes .gitkeep in too, without which an empty dist/ would not compile.
//
//go:embed all:dist
var dist embed.FS

// FS returns the bundled files. Names that Path returns hold a hash of the bytes behind them,
// so a response for one of these may be cached for ever.
func FS() fs.FS {
	sub, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // cannot happen: "dist" is a valid path
	}
	return sub
}

var manifest = sync.OnceValue(func() map[string]string { return readManifest(FS()) })

// Path returns the name inside FS for a plain name such as "app.js",
// or the plain name itself where nothing was bundled under it.
func Path(name string) string {
	if hashed, ok := manifest()[name]; ok {
		return hashed
	}
	return name
}

// Hashed reports whether a name holds a hash of the bytes behind it, so that it
// never means other bytes.
func Hashed(name string) bool {
	for _, hashed := range manifest() {
		if name == hashed {
			return true
		}
	}
	return false
}

// readManifest treats a missing or broken manifest as an empty one: both mean that build.mjs did not finish.
func readManifest(files fs.FS) map[string]string {
	text, err := fs.ReadFile(files, "manifest.json")
	if err != nil {
		return nil
	}
	var names map[string]string
	if err := json.Unmarshal(text, &names); err != nil {
		return nil
	}
	return names
}
