package config

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func bootFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "illumi.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestLoadBootFile(t *testing.T) {
	t.Parallel()
	home := BootFile{WiFi: []BootWiFi{{Name: "home", Password: "12345678"}}}
	tests := []struct {
		name, text string
		want       BootFile
		err        string
	}{
		{
			name: "all of it",
			text: "country: gb\nwifi:\n  - name: home\n    password: 'a: b'\n  - {name: away, hidden: yes}\nserver: https://illumi.example.org\ncode: ABCDE-23456\nname: Kitchen\nagain: yes\nhardware:\n  buttons: 2\n",
			want: BootFile{
				Country: "GB", WiFi: []BootWiFi{{Name: "home", Password: "a: b"}, {Name: "away", Hidden: true}},
				Server: "https://illumi.example.org", Code: "ABCDE-23456", Name: "Kitchen", Again: true, Hardware: map[string]any{"buttons": 2},
			},
		},
		{name: "as Notepad writes it", text: "\ufeffwifi:\r\n  name: home\r\n  password: \"12345678\"\r\n", want: home},
		{name: "digits alone", text: "wifi:\n  name: home\n  password: 12345678\n", want: home},
		{name: "a code of digits", text: "server: http://127.0.0.1\ncode: 2345678923\n", want: BootFile{Server: "http://127.0.0.1", Code: "2345678923"}},
		{name: "octal to YAML", text: "wifi: {name: home, password: 01234567}\n", err: `put what stands behind password between quotes`},
		{name: "a power to YAML", text: "server: x\ncode: 2222222E22\n", err: "put what stands behind code between quotes"},
		{name: "a day to YAML", text: "wifi: {name: 2026-11-21}\n", err: "put what stands behind name between quotes"},
		{name: "a list as a code", text: "server: x\ncode: [a]\n", err: "code is a single value"},
		{name: "misspelt", text: "wlan: home\n", err: `there is no setting "wlan"; the settings are wifi, country`},
		{name: "misspelt inside", text: "wifi: {name: home, pasword: x}\n", err: `a Wi-Fi has no "pasword"`},
		{name: "no name", text: "wifi: {password: \"12345678\"}\n", err: "wifi is a network's name"},
		{name: "a word", text: "wifi: home\n", err: "wifi is a network's name"},
		{name: "neither yes nor no", text: "wifi: {name: home, hidden: perhaps}\n", err: `hidden is "perhaps"; say yes or no`},
		{name: "a code alone", text: "code: ABCDE-23456\n", err: "server and code belong together"},
		{name: "a long country", text: "country: Germany\n", err: `country is "GERMANY"`},
		{name: "parts as a word", text: "hardware: usb\n", err: "hardware is a list of parts"},
		{name: "empty", text: "", err: "it says nothing"},
		{name: "remarks alone", text: "# wifi\n", err: "it says nothing"},
		{name: "no YAML", text: "wifi: \"home\n", err: "illumi.yaml is written wrongly"},
		{name: "no text", text: strings.Repeat("x", maxBootFile+1), err: "too long"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := LoadBootFile(bootFile(t, tt.text))
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want one with %q", err, tt.err)
				}
				return
			}
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %+v, %v\nwant %+v", got, err, tt.want)
			}
		})
	}
	if _, err := LoadBootFile(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("none: %v", err)
	}
}

// Passwords must not be left where the file was: another name for it shows what
// the disk holds.
func TestEraseBootFile(t *testing.T) {
	t.Parallel()
	name := bootFile(t, "wifi: {name: home, password: \"12345678\"}\n")
	other := name + ".other"
	if err := os.Link(name, other); err != nil {
		t.Fatal(err)
	}
	if err := EraseBootFile(name); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
	if data, err := os.ReadFile(other); err != nil || len(data) == 0 || len(bytes.Trim(data, "\x00")) != 0 {
		t.Errorf("left on the disk: %q, %v", data, err)
	}
	if _, err := LoadBootFile(other); !errors.Is(err, ErrErased) {
		t.Errorf("a removal that was undone: %v", err)
	}
	if err := EraseBootFile(name); err == nil {
		t.Error("nothing was erased")
	}
}

func TestSaveHardware(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "box.yaml")
	fine := func(Hardware) error { return nil }
	if err := SaveHardware(name, map[string]any{"buttons": 2, "wiring": map[string]any{"red": map[string]any{"gpio": 16}}}, fine); err != nil {
		t.Fatal(err)
	}
	h, err := LoadHardware(name)
	if fi, serr := os.Stat(name); err != nil || serr != nil || h.Buttons != 2 || h.Wiring["red"] == nil || fi.Mode().Perm() != 0o644 {
		t.Errorf("%+v, %v, %v", h, err, serr)
	}
	no := errors.New("GPIO 99 does not exist")
	for what, err := range map[string]error{
		`box.yaml has no setting "colour"`: SaveHardware(name, map[string]any{"colour": "red"}, fine),
		no.Error():                         SaveHardware(name, map[string]any{"buttons": 3}, func(Hardware) error { return no }),
	} {
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("error %v, want one with %q", err, what)
		}
	}
	if h, err = LoadHardware(name); err != nil || h.Buttons != 2 {
		t.Errorf("the old one is gone: %+v, %v", h, err)
	}
	if left, err := os.ReadDir(filepath.Dir(name)); err != nil || len(left) != 1 {
		t.Errorf("left over: %v, %v", left, err)
	}
}
