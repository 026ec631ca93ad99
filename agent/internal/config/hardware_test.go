package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestLoadHardware(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		want       Hardware
		err        string
	}{
		{name: "nothing said"},
		{
			name: "all said",
			text: "board: codec-zero\nbuttons: 2\nmicrophone: Mic\nspeaker: Speaker\ncamera: usb\nscreen: drm\nrotate: 90\nprinter: /dev/usb/lp0\nflac: off\nprompts: /srv/prompts\nwiring:\n  red: 13\n",
			want: Hardware{
				Board: "codec-zero", Buttons: 2, Microphone: "Mic", Speaker: "Speaker", Camera: "usb", Screen: "drm", Rotate: 90,
				Printer: "/dev/usb/lp0", FLAC: "off", Prompts: "/srv/prompts", Wiring: map[string]any{"red": 13},
			},
		},
		{name: "four buttons", text: "buttons: 4\n", err: `buttons is "4"; say one of 0 1 2 3`},
		{name: "slanted", text: "rotate: 45\n", err: `rotate is "45"`},
		{name: "unknown", text: "colour: red\n", err: `no setting "colour"`},
		{name: "flac perhaps", text: "flac: maybe\n", err: "say auto, on, off"},
		{name: "pins without names", text: "wiring: 17\n", err: "wiring is a list"},
		{name: "no YAML", text: "\t:\n", err: "is not YAML"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			name := HardwareFile(filepath.Join(t.TempDir(), "agent.yaml"))
			if tt.text != "" {
				if err := os.WriteFile(name, []byte(tt.text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got, err := LoadHardware(name)
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
}
