package wifi

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/godbus/dbus/v5"
)

// NetworkManager's names and numbers, from its D-Bus reference.
const (
	service      = "org.freedesktop.NetworkManager"
	objectPath   = dbus.ObjectPath("/org/freedesktop/NetworkManager")
	settingsPath = objectPath + "/Settings"
	iDevice      = service + ".Device"
	iWireless    = service + ".Device.Wireless"
	iActive      = service + ".Connection.Active"
	iPoint       = service + ".AccessPoint"
	iProfile     = service + ".Settings.Connection"
	iProps       = "org.freedesktop.DBus.Properties"

	typeWiFi = 2

	activated   = 2
	deactivated = 4

	reasonAddress    = 5 // IP_CONFIG_UNAVAILABLE
	reasonNoSecrets  = 7
	reasonSupplicant = 8 // SUPPLICANT_DISCONNECT … 11 SUPPLICANT_TIMEOUT
	reasonTimeout    = 11
	reasonDHCPFirst  = 15
	reasonDHCPLast   = 17
	reasonNotFound   = 53 // SSID_NOT_FOUND
)

// preferred is the new network's priority: the box's other networks have 0, so
// that they are used where this one cannot be.
const preferred = 10

// Manager is NetworkManager on this machine.
type Manager struct {
	conn *dbus.Conn
	// Limit bounds one attempt to join; 0 is 60 s.
	Limit time.Duration
	// Poll is how often the attempt is looked at; 0 is half a second.
	Poll time.Duration
}

// Open reaches NetworkManager over the system's bus.
func Open(ctx context.Context) (*Manager, error) {
	conn, err := dbus.ConnectSystemBus(dbus.WithContext(ctx))
	if err != nil {
		return nil, noManager(err)
	}
	return &Manager{conn: conn}, nil
}

// Close leaves the bus.
func (m *Manager) Close() error { return m.conn.Close() }

func noManager(err error) error {
	return &Problem{Outcome: NoManager, Text: "NetworkManager does not answer on this machine.",
		Next: "Use Raspberry Pi OS of 2023 or later, or a network cable.", Err: err}
}

func (m *Manager) object(path dbus.ObjectPath) dbus.BusObject { return m.conn.Object(service, path) }

// property reads one of an object's.
func (m *Manager) property(ctx context.Context, path dbus.ObjectPath, iface, name string, to any) error {
	var v dbus.Variant
	if err := m.object(path).CallWithContext(ctx, iProps+".Get", 0, iface, name).Store(&v); err != nil {
		return fmt.Errorf("ask NetworkManager for %s: %w", name, err)
	}
	return v.Store(to)
}

// Result is a network that was joined.
type Result struct {
	Name string
	// Signal is its strength in percent, as NetworkManager tells it.
	Signal int
}

// Join joins a network within Limit. Where that fails the box is on the network
// that it was on before, and the error is a *Problem.
func (m *Manager) Join(ctx context.Context, n Network) (Result, error) {
	if err := n.Check(); err != nil {
		return Result{}, err
	}
	limit := m.Limit
	if limit == 0 {
		limit = time.Minute
	}
	device, err := m.device(ctx)
	if err != nil {
		return Result{}, err
	}
	before := m.active(ctx, device)
	made, connection, err := m.activate(ctx, n, device)
	if err != nil {
		return Result{}, err
	}
	try, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err = m.await(try, device, connection); err == nil {
		return Result{Name: n.Name, Signal: m.signal(ctx, connection)}, nil
	}
	// Going back must not end with what ended the attempt.
	back, cancelBack := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancelBack()
	return Result{}, errors.Join(err, m.goBack(back, made, before, device))
}

// device is the box's radio.
func (m *Manager) device(ctx context.Context) (dbus.ObjectPath, error) {
	on := m.object(objectPath).CallWithContext(ctx, iProps+".Set", 0, service, "WirelessEnabled", dbus.MakeVariant(true)).Err
	var list []dbus.ObjectPath
	if err := m.object(objectPath).CallWithContext(ctx, service+".GetDevices", 0).Store(&list); err != nil {
		return "", noManager(errors.Join(on, err))
	}
	for _, path := range list {
		var kind uint32
		if err := m.property(ctx, path, iDevice, "DeviceType", &kind); err == nil && kind == typeWiFi {
			return path, nil
		}
	}
	return "", &Problem{Outcome: NoRadio, Text: "This machine has no Wi-Fi that can be used.",
		Next: "Check that the Wi-Fi is not switched off, or use a network cable.", Err: on}
}

// active is the profile in use on a device, "/" for none.
func (m *Manager) active(ctx context.Context, device dbus.ObjectPath) dbus.ObjectPath {
	var connection, profile dbus.ObjectPath
	if m.property(ctx, device, iDevice, "ActiveConnection", &connection) != nil || connection == "/" {
		return "/"
	}
	if m.property(ctx, connection, iActive, "Connection", &profile) != nil {
		return "/"
	}
	return profile
}

// profile is how NetworkManager describes a network. The password travels over
// the bus alone: an argument of a program could be read by everybody.
func profile(n Network) map[string]map[string]dbus.Variant {
	settings := map[string]map[string]dbus.Variant{
		"connection": {
			"id": dbus.MakeVariant("illumi " + n.Name), "type": dbus.MakeVariant("802-11-wireless"),
			"autoconnect": dbus.MakeVariant(true), "autoconnect-priority": dbus.MakeVariant(int32(preferred)),
		},
		"802-11-wireless": {
			"ssid": dbus.MakeVariant([]byte(n.Name)), "mode": dbus.MakeVariant("infrastructure"),
			// Saving power costs seconds on a Zero W (hardware.md 8); 2 is off.
			"hidden": dbus.MakeVariant(n.Hidden), "powersave": dbus.MakeVariant(uint32(2)),
		},
		"ipv4": {"method": dbus.MakeVariant("auto")},
		"ipv6": {"method": dbus.MakeVariant("auto")},
	}
	if n.Password != "" {
		settings["802-11-wireless-security"] = map[string]dbus.Variant{
			"key-mgmt": dbus.MakeVariant("wpa-psk"), "psk": dbus.MakeVariant(n.Password),
		}
	}
	return settings
}

// activate makes a profile and begins to use it.
func (m *Manager) activate(ctx context.Context, n Network, device dbus.ObjectPath) (made, connection dbus.ObjectPath, err error) {
	var rest map[string]dbus.Variant
	err = m.object(objectPath).CallWithContext(ctx, service+".AddAndActivateConnection2", 0,
		profile(n), device, dbus.ObjectPath("/"), map[string]dbus.Variant{}).Store(&made, &connection, &rest)
	if err != nil {
		return "", "", notAllowed(err)
	}
	return made, connection, nil
}

func notAllowed(err error) error {
	return &Problem{Outcome: Failed, Text: "NetworkManager does not let this program join a network.",
		Next: "Put sudo in front of the command.", Err: err}
}

// Keep notes a network that cannot be seen from here: it is joined by itself
// where it can.
func (m *Manager) Keep(ctx context.Context, n Network) error {
	if err := n.Check(); err != nil {
		return err
	}
	var made dbus.ObjectPath
	if err := m.object(settingsPath).CallWithContext(ctx, service+".Settings.AddConnection", 0, profile(n)).Store(&made); err != nil {
		return notAllowed(err)
	}
	return nil
}

// await waits until the network is joined, or says why it is not.
func (m *Manager) await(ctx context.Context, device, connection dbus.ObjectPath) error {
	poll := m.Poll
	if poll == 0 {
		poll = 500 * time.Millisecond
	}
	tick := time.NewTicker(poll)
	defer tick.Stop()
	var reason uint32
	for {
		var state uint32
		err := m.property(ctx, connection, iActive, "State", &state)
		if why := m.reason(ctx, device); why != 0 {
			reason = why
		}
		switch {
		case ctx.Err() != nil:
			return problemOf(reason, ctx.Err())
		case err != nil || state == deactivated:
			return problemOf(reason, err) // NetworkManager forgets what has failed
		case state == activated:
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return problemOf(reason, ctx.Err())
		}
	}
}

// reason is why the device is in its state; 0 where nobody knows.
func (m *Manager) reason(ctx context.Context, device dbus.ObjectPath) uint32 {
	var pair []any
	var v dbus.Variant
	if m.object(device).CallWithContext(ctx, iProps+".Get", 0, iDevice, "StateReason").Store(&v) != nil || v.Store(&pair) != nil || len(pair) != 2 {
		return 0
	}
	why, _ := pair[1].(uint32)
	return why
}

// problemOf gives words to NetworkManager's reason. A wrong password is a
// handshake that does not end well, or that asks for another one.
func problemOf(reason uint32, err error) error {
	switch {
	case reason == reasonNotFound:
		return &Problem{Outcome: NotSeen, Text: "I cannot see that Wi-Fi.", Next: "Check its name, and bring the box nearer to the router.", Err: err}
	case reason == reasonNoSecrets, reason >= reasonSupplicant && reason <= reasonTimeout:
		return &Problem{Outcome: WrongPassword, Text: "The Wi-Fi does not take that password.", Next: "Type it again; capitals count.", Err: err}
	case reason == reasonAddress, reason >= reasonDHCPFirst && reason <= reasonDHCPLast:
		return &Problem{Outcome: NoAddress, Text: "The Wi-Fi was joined, but its router gives the box no address.", Next: "Start the router anew.", Err: err}
	}
	return &Problem{Outcome: Failed, Text: "The Wi-Fi could not be joined.", Next: "Try again, nearer to the router.",
		Err: errors.Join(fmt.Errorf("NetworkManager's reason %d", reason), err)}
}

// goBack forgets the new network and goes back to the one before.
func (m *Manager) goBack(ctx context.Context, profile, before, device dbus.ObjectPath) error {
	var errs []error
	if err := m.object(profile).CallWithContext(ctx, iProfile+".Delete", 0).Err; err != nil {
		errs = append(errs, fmt.Errorf("forget the network that failed: %w", err))
	}
	if before != "/" {
		var connection dbus.ObjectPath
		err := m.object(objectPath).CallWithContext(ctx, service+".ActivateConnection", 0, before, device, dbus.ObjectPath("/")).Store(&connection)
		if err == nil {
			err = m.await(ctx, device, connection)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("go back to the Wi-Fi before: %w", err))
		}
	}
	return errors.Join(errs...)
}

// signal is how strong the joined network is; 0 where nobody knows.
func (m *Manager) signal(ctx context.Context, connection dbus.ObjectPath) int {
	var point dbus.ObjectPath
	var percent byte
	if m.property(ctx, connection, iActive, "SpecificObject", &point) != nil || m.property(ctx, point, iPoint, "Strength", &percent) != nil {
		return 0
	}
	return int(percent)
}

// Scan lists the networks that can be seen, the strongest first; see Seen.
func (m *Manager) Scan(ctx context.Context) ([]Seen, error) {
	device, err := m.device(ctx)
	if err != nil {
		return nil, err
	}
	// A scan that was refused, since another has just ended, leaves that one's list.
	_ = m.object(device).CallWithContext(ctx, iWireless+".RequestScan", 0, map[string]dbus.Variant{}).Err
	var points []dbus.ObjectPath
	if err := m.object(device).CallWithContext(ctx, iWireless+".GetAllAccessPoints", 0).Store(&points); err != nil {
		return nil, fmt.Errorf("list the networks: %w", err)
	}
	strongest := map[string]Seen{}
	for _, p := range points {
		var name []byte
		var percent byte
		if m.property(ctx, p, iPoint, "Ssid", &name) != nil || len(name) == 0 || m.property(ctx, p, iPoint, "Strength", &percent) != nil {
			continue // it has gone meanwhile, or hides its name
		}
		if s := strongest[string(name)]; int(percent) >= s.Signal {
			strongest[string(name)] = Seen{Name: string(name), Signal: int(percent)}
		}
	}
	return sorted(strongest), nil
}
