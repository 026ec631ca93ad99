// Package wifitest is NetworkManager as far as a box sees it, for tests: at the
// other end of a wire or of a socket that speaks D-Bus.
package wifitest

import (
	"bufio"
	"errors"
	"image"
	"image/color"
	"image/draw"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"
	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
)

// Code is a Wi-Fi code as a telephone shows it, small in a larger picture.
func Code(text string) (image.Image, error) {
	code, err := qrcode.NewQRCodeWriter().Encode(text, gozxing.BarcodeFormat_QR_CODE, 240, 240, nil)
	if err != nil {
		return nil, err
	}
	picture := image.NewGray(image.Rect(0, 0, 640, 480))
	draw.Draw(picture, picture.Bounds(), image.NewUniform(color.Gray{Y: 120}), image.Point{}, draw.Src)
	draw.Draw(picture, image.Rect(180, 100, 420, 340), code, image.Point{}, draw.Src)
	return picture, nil
}

// Names of what there is: one radio, one network before, and those that are added.
const (
	Wlan   = dbus.ObjectPath("/org/freedesktop/NetworkManager/Devices/2")
	Before = dbus.ObjectPath("/org/freedesktop/NetworkManager/Settings/1")
	Added  = dbus.ObjectPath("/org/freedesktop/NetworkManager/Settings/2")

	point    = dbus.ObjectPath("/org/freedesktop/NetworkManager/AccessPoint/1")
	useOf    = dbus.ObjectPath("/org/freedesktop/NetworkManager/ActiveConnection")
	manager  = dbus.ObjectPath("/org/freedesktop/NetworkManager")
	settings = manager + "/Settings"

	service = "org.freedesktop.NetworkManager"
	iProps  = "org.freedesktop.DBus.Properties"
)

// Home is the one network within reach, and Signal its strength in percent.
const (
	Home   = "home"
	Signal = 71
)

// Reasons why an activation failed, as NetworkManager numbers them.
const (
	noSupplicant = 8
	notFound     = 53
)

// Fake is the manager. Its fields are set before it is used and may be read with
// Now.
type Fake struct {
	Radio    bool
	Password string // of Home
	Active   dbus.ObjectPath
	Profiles []dbus.ObjectPath

	mu     sync.Mutex
	asked  map[string]map[string]dbus.Variant
	kept   []string // names of the networks that were added for later
	reason uint32
	failed bool // the last activation
}

// State is how a Fake stands.
type State struct {
	Active   dbus.ObjectPath
	Profiles []dbus.ObjectPath
	Asked    map[string]map[string]dbus.Variant // last
	Kept     []string
}

// Now tells it.
func (f *Fake) Now() State {
	f.mu.Lock()
	defer f.mu.Unlock()
	return State{f.Active, slices.Clone(f.Profiles), f.asked, slices.Clone(f.kept)}
}

func use(profile dbus.ObjectPath) dbus.ObjectPath {
	return useOf + profile[strings.LastIndexByte(string(profile), '/'):]
}

func name(asked map[string]map[string]dbus.Variant) string {
	var ssid []byte
	_ = asked["802-11-wireless"]["ssid"].Store(&ssid) // stays empty, and is then not found
	return string(ssid)
}

// GetDevices is NetworkManager's.
func (f *Fake) GetDevices() ([]dbus.ObjectPath, *dbus.Error) {
	if !f.Radio {
		return nil, nil
	}
	return []dbus.ObjectPath{Wlan}, nil
}

// AddAndActivateConnection2 is NetworkManager's.
func (f *Fake) AddAndActivateConnection2(asked map[string]map[string]dbus.Variant, _, _ dbus.ObjectPath, _ map[string]dbus.Variant) (dbus.ObjectPath, dbus.ObjectPath, map[string]dbus.Variant, *dbus.Error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = asked
	f.Profiles = append(f.Profiles, Added)
	var psk string
	_ = asked["802-11-wireless-security"]["psk"].Store(&psk) // stays empty, as for an open network
	switch {
	case name(asked) != Home:
		f.failed, f.reason = true, notFound
	case psk != f.Password:
		f.failed, f.reason = true, noSupplicant
	default:
		f.failed, f.Active = false, Added
	}
	return Added, use(Added), nil, nil
}

// ActivateConnection is NetworkManager's.
func (f *Fake) ActivateConnection(profile, _, _ dbus.ObjectPath) (dbus.ObjectPath, *dbus.Error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Active, f.failed, f.reason = profile, false, 0
	return use(profile), nil
}

// Delete is that of the added profile.
func (f *Fake) Delete() *dbus.Error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Profiles = slices.DeleteFunc(f.Profiles, func(p dbus.ObjectPath) bool { return p == Added })
	return nil
}

// AddConnection is that of NetworkManager's settings.
func (f *Fake) AddConnection(asked map[string]map[string]dbus.Variant) (dbus.ObjectPath, *dbus.Error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = asked
	f.kept = append(f.kept, name(asked))
	return Added, nil
}

// RequestScan is the radio's.
func (f *Fake) RequestScan(map[string]dbus.Variant) *dbus.Error { return nil }

// GetAllAccessPoints is the radio's.
func (f *Fake) GetAllAccessPoints() ([]dbus.ObjectPath, *dbus.Error) {
	return []dbus.ObjectPath{point}, nil
}

// Hello is the bus's own.
func (f *Fake) Hello() (string, *dbus.Error) { return ":1.1", nil }

// props answers Get and Set for one object.
type props struct {
	f    *Fake
	path dbus.ObjectPath
}

// Set takes anything.
func (p props) Set(string, string, dbus.Variant) *dbus.Error { return nil }

// Get answers what a box asks.
func (p props) Get(_, name string) (dbus.Variant, *dbus.Error) {
	f := p.f
	f.mu.Lock()
	defer f.mu.Unlock()
	var v any
	switch name {
	case "DeviceType":
		v = uint32(2)
	case "ActiveConnection":
		v = dbus.ObjectPath("/")
		if f.Active != "" {
			v = use(f.Active)
		}
	case "Connection":
		v = f.Active
	case "SpecificObject":
		v = point
	case "Strength":
		v = byte(Signal)
	case "Ssid":
		v = []byte(Home)
	case "StateReason":
		return dbus.MakeVariant(struct{ State, Reason uint32 }{120, f.reason}), nil
	case "State":
		v = uint32(2)
		if f.failed {
			v = uint32(4)
		}
	default:
		return dbus.Variant{}, dbus.MakeFailedError(errors.New("no property " + name))
	}
	return dbus.MakeVariant(v), nil
}

// Wire gives a box's end of a wire to the fake.
func (f *Fake) Wire(t testing.TB) *dbus.Conn {
	t.Helper()
	conn, bus, read := end(t)
	f.answer(t, bus, read)
	return conn
}

// Listen lets the fake answer at a socket, as the system's bus does, until the
// test ends.
func (f *Fake) Listen(t testing.TB, socket string) {
	t.Helper()
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() }) // it only ends Accept
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = c.Close() }) // the box's end is closed by then
			read := bufio.NewReader(c)
			if letIn(read, c) == nil {
				f.answer(t, c, read)
			}
		}
	}()
}

// answer exports the fake to who is at the other end.
func (f *Fake) answer(t testing.TB, bus io.Writer, read io.Reader) {
	own, ownBus, ownRead := end(t)
	for path, ifaces := range map[dbus.ObjectPath][]string{
		manager: {service}, settings: {service + ".Settings"}, Added: {service + ".Settings.Connection"},
		Wlan: {service + ".Device.Wireless"}, "/org/freedesktop/DBus": {"org.freedesktop.DBus"},
	} {
		for _, iface := range ifaces {
			if err := own.Export(f, path, iface); err != nil {
				t.Error(err)
			}
		}
	}
	for _, path := range []dbus.ObjectPath{manager, Wlan, point, use(Before), use(Added)} {
		if err := own.Export(props{f, path}, path, iProps); err != nil {
			t.Error(err)
		}
	}
	go func() { _, _ = io.Copy(ownBus, read) }() // ends with the wire
	go func() { _, _ = io.Copy(bus, ownRead) }()
}

// end is one end of a wire, which believes that it talks to a bus.
func end(t testing.TB) (*dbus.Conn, net.Conn, *bufio.Reader) {
	ours, bus := net.Pipe()
	conn, err := dbus.NewConn(ours)
	if err != nil {
		t.Error(err)
		return nil, bus, nil
	}
	read := bufio.NewReader(bus)
	done := make(chan error, 1)
	go func() { done <- letIn(read, bus) }()
	if err := errors.Join(conn.Auth([]dbus.Auth{dbus.AuthAnonymous()}), <-done); err != nil {
		t.Error(err)
	}
	t.Cleanup(func() { _ = errors.Join(conn.Close(), bus.Close()) }) // both may be closed by then
	return conn, bus, read
}

// letIn is the bus's part of D-Bus's handshake; anybody is let in.
func letIn(r *bufio.Reader, w io.Writer) error {
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return err
		}
		answer := "ERROR\r\n"
		switch line = strings.TrimLeft(strings.TrimSpace(line), "\x00"); {
		case line == "AUTH":
			answer = "REJECTED ANONYMOUS EXTERNAL\r\n"
		case strings.HasPrefix(line, "AUTH ANONYMOUS"), strings.HasPrefix(line, "AUTH EXTERNAL"):
			answer = "OK 1234deadbeef1234deadbeef1234dead\r\n"
		case line == "BEGIN":
			return nil
		}
		if _, err := io.WriteString(w, answer); err != nil {
			return err
		}
	}
}
