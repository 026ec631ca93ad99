package wifi

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// fakeManager is NetworkManager as far as a box sees it, at the other end of a
// wire that speaks D-Bus.
type fakeManager struct {
	mu       sync.Mutex
	radio    bool
	psk      string // of the one network that is there, named "home"
	active   dbus.ObjectPath
	profiles []dbus.ObjectPath
	asked    map[string]map[string]dbus.Variant
	reason   uint32
	failed   bool // the last activation
}

const (
	wlan   = dbus.ObjectPath("/org/freedesktop/NetworkManager/Devices/2")
	before = dbus.ObjectPath("/org/freedesktop/NetworkManager/Settings/1")
	added  = dbus.ObjectPath("/org/freedesktop/NetworkManager/Settings/2")
	point  = dbus.ObjectPath("/org/freedesktop/NetworkManager/AccessPoint/1")
	useOf  = dbus.ObjectPath("/org/freedesktop/NetworkManager/ActiveConnection")
)

func use(profile dbus.ObjectPath) dbus.ObjectPath {
	return useOf + profile[strings.LastIndexByte(string(profile), '/'):]
}

func (f *fakeManager) GetDevices() ([]dbus.ObjectPath, *dbus.Error) {
	if !f.radio {
		return nil, nil
	}
	return []dbus.ObjectPath{wlan}, nil
}

func (f *fakeManager) AddAndActivateConnection2(asked map[string]map[string]dbus.Variant, _, _ dbus.ObjectPath, _ map[string]dbus.Variant) (dbus.ObjectPath, dbus.ObjectPath, map[string]dbus.Variant, *dbus.Error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = asked
	f.profiles = append(f.profiles, added)
	var name []byte
	_ = asked["802-11-wireless"]["ssid"].Store(&name) // stays empty, and is then not found
	var psk string
	_ = asked["802-11-wireless-security"]["psk"].Store(&psk)
	switch {
	case string(name) != "home":
		f.failed, f.reason = true, reasonNotFound
	case psk != f.psk:
		f.failed, f.reason = true, reasonSupplicant
	default:
		f.failed, f.active = false, added
	}
	return added, use(added), nil, nil
}

func (f *fakeManager) ActivateConnection(profile, _, _ dbus.ObjectPath) (dbus.ObjectPath, *dbus.Error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.active, f.failed, f.reason = profile, false, 0
	return use(profile), nil
}

func (f *fakeManager) Delete() *dbus.Error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.profiles = slices.DeleteFunc(f.profiles, func(p dbus.ObjectPath) bool { return p == added })
	return nil
}

// props answers Get and Set for one object.
type props struct {
	f    *fakeManager
	path dbus.ObjectPath
}

func (p props) Set(string, string, dbus.Variant) *dbus.Error { return nil }

func (p props) Get(_, name string) (dbus.Variant, *dbus.Error) {
	f := p.f
	f.mu.Lock()
	defer f.mu.Unlock()
	var v any
	switch name {
	case "DeviceType":
		v = uint32(typeWiFi)
	case "ActiveConnection":
		v = dbus.ObjectPath("/")
		if f.active != "" {
			v = use(f.active)
		}
	case "Connection":
		v = f.active
	case "SpecificObject":
		v = point
	case "Strength":
		v = byte(71)
	case "StateReason":
		return dbus.MakeVariant(struct{ State, Reason uint32 }{120, f.reason}), nil
	case "State":
		v = uint32(activated)
		if f.failed {
			v = uint32(deactivated)
		}
	default:
		return dbus.Variant{}, dbus.MakeFailedError(errors.New("no property " + name))
	}
	return dbus.MakeVariant(v), nil
}

// wire joins two ends, each of which believes that it talks to a bus.
func wire(t *testing.T, f *fakeManager) *Manager {
	t.Helper()
	end := func() (*dbus.Conn, net.Conn, *bufio.Reader) {
		ours, bus := net.Pipe()
		conn, err := dbus.NewConn(ours)
		if err != nil {
			t.Fatal(err)
		}
		read := bufio.NewReader(bus)
		done := make(chan error, 1)
		go func() { done <- letIn(read, bus) }()
		if err := conn.Auth([]dbus.Auth{dbus.AuthAnonymous()}); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = errors.Join(conn.Close(), bus.Close()) }) // both may be closed by then
		return conn, bus, read
	}
	box, boxBus, boxRead := end()
	manager, managerBus, managerRead := end()
	for path, v := range map[dbus.ObjectPath]any{objectPath: f, added: f} {
		for _, iface := range []string{service, iProfile} {
			if err := manager.Export(v, path, iface); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, path := range []dbus.ObjectPath{objectPath, wlan, point, use(before), use(added)} {
		if err := manager.Export(props{f, path}, path, iProps); err != nil {
			t.Fatal(err)
		}
	}
	go func() { _, _ = io.Copy(managerBus, boxRead) }() // ends with the pipes
	go func() { _, _ = io.Copy(boxBus, managerRead) }()
	return &Manager{conn: box, Poll: time.Millisecond, Limit: 10 * time.Second}
}

// letIn is the bus's part of D-Bus's handshake.
func letIn(r *bufio.Reader, w io.Writer) error {
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return err
		}
		answer := "ERROR\r\n"
		switch line = strings.TrimLeft(strings.TrimSpace(line), "\x00"); {
		case line == "AUTH":
			answer = "REJECTED ANONYMOUS\r\n"
		case strings.HasPrefix(line, "AUTH ANONYMOUS"):
			answer = "OK 1234deadbeef1234deadbeef1234dead\r\n"
		case line == "BEGIN":
			return nil
		}
		if _, err := io.WriteString(w, answer); err != nil {
			return err
		}
	}
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
			f := &fakeManager{radio: true, psk: "thornfield", active: before, profiles: []dbus.ObjectPath{before}}
			m := wire(t, f)
			got, err := m.Join(t.Context(), tt.network)
			f.mu.Lock()
			defer f.mu.Unlock()
			if tt.outcome == "" {
				if err != nil || got != (Result{Name: "home", Signal: 71}) {
					t.Fatalf("got %+v, %v", got, err)
				}
				if f.active != added || !slices.Equal(f.profiles, []dbus.ObjectPath{before, added}) {
					t.Errorf("in use is %s of %v; the old network must stay as fallback", f.active, f.profiles)
				}
				if p := f.asked["connection"]["autoconnect-priority"].Value(); p != int32(preferred) {
					t.Errorf("priority %v, want %d", p, preferred)
				}
				return
			}
			var p *Problem
			if !errors.As(err, &p) || p.Outcome != tt.outcome || p.Next == "" {
				t.Errorf("error %v, want outcome %q and what to do", err, tt.outcome)
			}
			if f.active != before || !slices.Equal(f.profiles, []dbus.ObjectPath{before}) {
				t.Errorf("in use is %s of %v, want the network before and no other", f.active, f.profiles)
			}
		})
	}
}

func TestManager_noRadio(t *testing.T) {
	t.Parallel()
	_, err := wire(t, &fakeManager{}).Join(t.Context(), Network{Name: "home"})
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
