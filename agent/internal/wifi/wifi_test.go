package wifi

import (
	"errors"
	"image"
	"testing"

	"illumi/agent/internal/wifi/wifitest"
)

func TestParseCode(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text    string
		want    Network
		outcome Outcome // of a refusal
		noCode  bool
	}{
		{text: "WIFI:T:WPA;S:Eyre;P:thornfield;;", want: Network{Name: "Eyre", Password: "thornfield"}},
		{text: "WIFI:S:Guests;;", want: Network{Name: "Guests"}},
		{text: `WIFI:T:WPA;S:a\;b\:c\\;P:say\"quote\"d;H:true;;`, want: Network{Name: `a;b:c\`, Password: `say"quote"d`, Hidden: true}},
		{text: "WIFI:T:SAE;S:Café;P:12345678;;", want: Network{Name: "Café", Password: "12345678"}},
		{text: "WIFI:T:WEP;S:Old;P:12345678;;", outcome: Failed},
		{text: "WIFI:T:WPA;S:Eyre;P:short;;", outcome: WrongPassword},
		{text: "WIFI:T:WPA;P:12345678;;", outcome: Failed},
		{text: "https://example.org", noCode: true},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			t.Parallel()
			got, err := ParseCode(tt.text)
			var p *Problem
			switch {
			case tt.noCode:
				if !errors.Is(err, ErrNoCode) {
					t.Errorf("error %v, want ErrNoCode", err)
				}
			case tt.outcome != "":
				if !errors.As(err, &p) || p.Outcome != tt.outcome || p.Next == "" {
					t.Errorf("error %v, want a problem with outcome %q and what to do", err, tt.outcome)
				}
			case err != nil || got != tt.want:
				t.Errorf("got %+v, %v; want %+v", got, err, tt.want)
			}
		})
	}
}

func TestReadCode(t *testing.T) {
	t.Parallel()
	picture, err := wifitest.Code("WIFI:T:WPA;S:Thornfield;P:mr rochester;;")
	if err != nil {
		t.Fatal(err)
	}
	got, err := ReadCode(picture)
	if want := (Network{Name: "Thornfield", Password: "mr rochester"}); err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	if _, err := ReadCode(image.NewGray(image.Rect(0, 0, 320, 240))); !errors.Is(err, ErrNoCode) {
		t.Errorf("an empty picture gives %v, want ErrNoCode", err)
	}
}
