package assets

import (
	"io/fs"
	"maps"
	"testing"
	"testing/fstest"
)

func TestReadManifest(t *testing.T) {
	tests := []struct {
		name  string
		files fstest.MapFS
		want  map[string]string
	}{
		{"nothing bundled", fstest.MapFS{".gitkeep": {}}, nil},
		{"broken off", fstest.MapFS{"manifest.json": {Data: []byte(`{"app.js":`)}}, nil},
		{"bundled", fstest.MapFS{"manifest.json": {Data: []byte(`{"app.js":"app-1.js"}`)}}, map[string]string{"app.js": "app-1.js"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := readManifest(tt.files); !maps.Equal(got, tt.want) {
				t.Errorf("readManifest() = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestPath_FallsBackToItsArgument(t *testing.T) {
	if got := Path("no-such-entry.js"); got != "no-such-entry.js" {
		t.Errorf("Path() = %q", got)
	}
}

// Holds in an unbundled checkout too, where the manifest is empty.
func TestPath_NamesFilesThatExist(t *testing.T) {
	for name := range manifest() {
		info, err := fs.Stat(FS(), Path(name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if info.Size() == 0 {
			t.Errorf("%s is empty", Path(name))
		}
	}
}

func TestHashed(t *testing.T) {
	for name, hashed := range manifest() {
		if !Hashed(hashed) || Hashed(name) {
			t.Errorf("%s and %s are not told apart", name, hashed)
		}
	}
	if Hashed("licences.txt") || Hashed("") {
		t.Error("a name without a hash counts as hashed")
	}
}
