package wifi

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"illumi/agent/internal/wifi/wifitest"
)

func wire(t *testing.T, f *wifitest.Fake) *Manager {
	t.Helper()
	return &Manager{conn: f.Wire(t), Poll: time.Millisecond, Limit: 10 * time.Second}
}

func TestManager_Join(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		network Network
		outcome Outcome // empty: joined
	}{
		{name: "right", network: Network{Name: "home", Password: "thornfield"}},
		{name: "wrong password", network: Network{Name: "home", Password: "gateshead"}, outcome: WrongPassword},
		{name: "not there", network: Network{Name: "away", Password: "thornfield"}, outcome: NotSeen},
		{name: "no name", network: Network{Password: "thornfield"}, outcome: Failed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			fake := &wifitest.Fake{Radio: true, Password: "thornfield", Active: wifitest.Before, Profiles: []dbus.ObjectPath{wifitest.Before}}
			m := wire(t, fake)
			got, err := m.Join(t.Context(), tt.network)
			f := fake.Now()
			if tt.outcome == "" {
				if err != nil || got != (Result{Name: wifitest.Home, Signal: wifitest.Signal}) {
					t.Fatalf("got %+v, %v", got, err)
				}
				if f.Active != wifitest.Added || !slices.Equal(f.Profiles, []dbus.ObjectPath{wifitest.Before, wifitest.Added}) {
					t.Errorf("in use is %s of %v; the old network must stay as fallback", f.Active, f.Profiles)
				}
				if p := f.Asked["connection"]["autoconnect-priority"].Value(); p != int32(preferred) {
					t.Errorf("priority %v, want %d", p, preferred)
				}
				return
			}
			var p *Problem
			if !errors.As(err, &p) || p.Outcome != tt.outcome || p.Next == "" {
				t.Errorf("error %v, want outcome %q and what to do", err, tt.outcome)
			}
			if f.Active != wifitest.Before || !slices.Equal(f.Profiles, []dbus.ObjectPath{wifitest.Before}) {
				t.Errorf("in use is %s of %v, want the network before and no other", f.Active, f.Profiles)
			}
		})
	}
}

func TestManager_noRadio(t *testing.T) {
	t.Parallel()
	_, err := wire(t, &wifitest.Fake{}).Join(t.Context(), Network{Name: "home"})
	var p *Problem
	if !errors.As(err, &p) || p.Outcome != NoRadio {
		t.Errorf("error %v, want %q", err, NoRadio)
	}
}

func TestOpen_noBus(t *testing.T) {
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path="+t.TempDir()+"/none")
	_, err := Open(context.Background())
	var p *Problem
	if !errors.As(err, &p) || p.Outcome != NoManager || p.Next == "" {
		t.Errorf("error %v, want %q", err, NoManager)
	}
}

// A network that is not here may be where the box goes.
func TestManager_Keep(t *testing.T) {
	t.Parallel()
	fake := &wifitest.Fake{Radio: true, Active: wifitest.Before, Profiles: []dbus.ObjectPath{wifitest.Before}}
	m := wire(t, fake)
	if err := m.Keep(t.Context(), Network{Name: "away", Password: "thornfield", Hidden: true}); err != nil {
		t.Fatal(err)
	}
	f := fake.Now()
	if !slices.Equal(f.Kept, []string{"away"}) || f.Active != wifitest.Before {
		t.Errorf("kept %v, in use is %s", f.Kept, f.Active)
	}
	if psk := f.Asked["802-11-wireless-security"]["psk"].Value(); psk != "thornfield" || f.Asked["802-11-wireless"]["hidden"].Value() != true {
		t.Errorf("asked %v", f.Asked)
	}
	if err := m.Keep(t.Context(), Network{Name: "away", Password: "short"}); err == nil {
		t.Error("a password that no network has was kept")
	}
}

func TestManager_Scan(t *testing.T) {
	t.Parallel()
	seen, err := wire(t, &wifitest.Fake{Radio: true}).Scan(t.Context())
	if err != nil || !slices.Equal(seen, []Seen{{wifitest.Home, wifitest.Signal}}) {
		t.Errorf("%v, %v", seen, err)
	}
}
