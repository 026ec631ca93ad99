// Package health reads what the machine tells of itself: heat, power, Wi-Fi,
// card, clock. It only reads, below a root that a test can replace, and what it
// cannot find out is unknown, never fine.
package health

import (
	"cmp"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"illumi/protocol"
)

// Machine is what was read. Pointers are nil, texts empty and Knowns unknown
// where the machine does not say.
type Machine struct {
	DiskFree, DiskTotal int64 // bytes, of the state directory's file system
	// Volatile says that the state directory is lost with the power: a memory
	// file system or an overlay. ReadOnly says that nothing can be kept there,
	// as after a card's errors.
	Volatile, ReadOnly bool
	CardErrors         int64          // that ext4 counted, on all file systems
	CardWorn           protocol.Known // the card's own word, or its errors
	Temperature        *float64       // °C
	Undervoltage       protocol.Known
	Throttled          protocol.Known
	WiFi               *int  // dBm
	Memory             int64 // bytes
	ClockSync          protocol.Known
	BootID             string
	Board, OS, Kernel  string
}

// Reader reads a machine again and again. What it once saw of too little power
// stays said until the machine is started anew.
type Reader struct {
	// Root replaces "/" for tests; empty is "/".
	Root string
	// State is the directory whose disk counts.
	State string

	under, slow protocol.Known
	lasting     *Machine // what stays as it is until the machine is started anew
	sensors     map[string]found
	// adjtimex asks the kernel; tests replace it.
	adjtimex func() protocol.Known
	statfs   func(dir string) (syscall.Statfs_t, error)
}

// Read looks at everything once. It takes some milliseconds on the slowest
// board and is not safe for concurrent use.
func (r *Reader) Read() Machine {
	root := cmp.Or(r.Root, "/")
	in := func(parts ...string) string { return filepath.Join(append([]string{root}, parts...)...) }
	if r.lasting == nil {
		r.lasting = &Machine{
			BootID: text(in("proc/sys/kernel/random/boot_id")),
			Board:  cmp.Or(text(in("proc/device-tree/model")), text(in("sys/class/dmi/id/product_name"))),
			OS:     osName(text(in("etc/os-release"))),
			Kernel: text(in("proc/sys/kernel/osrelease")),
		}
	}
	m := Machine{
		Temperature: temperature(r.glob(in("sys/class/thermal/thermal_zone*"), listAgain)),
		WiFi:        wifi(text(in("proc/net/wireless"))),
		Memory:      memory(text(in("proc/meminfo"))),
		CardErrors:  cardErrors(r.glob(in("sys/fs/ext4/*/errors_count"), listAgain)),
		BootID:      r.lasting.BootID,
		Board:       r.lasting.Board,
		OS:          r.lasting.OS,
		Kernel:      r.lasting.Kernel,
	}
	m.Undervoltage, m.Throttled = r.power(in, m.Board)
	m.ClockSync = r.clock(in)
	r.disk(&m)
	m.CardWorn = worn(r.glob(in("sys/block/mmcblk*/device"), listAgain), m)
	return m
}

// found is what a pattern matched, and when.
type found struct {
	names []string
	at    time.Time
}

// glob lists the kernel's folders or files of a kind. These come and go with what
// is plugged in, if at all, and listing them is dearer than reading them.
func (r *Reader) glob(pattern string, every time.Duration) []string {
	if f, ok := r.sensors[pattern]; ok && time.Since(f.at) < every {
		return f.names
	}
	names, err := filepath.Glob(pattern)
	if err != nil {
		return nil // the pattern is wrong, and ours are not
	}
	if r.sensors == nil {
		r.sensors = map[string]found{}
	}
	r.sensors[pattern] = found{names, time.Now()}
	return names
}

const listAgain = 10 * time.Minute

// power says whether there was too little of it, and whether the board was
// slowed down for that or for heat.
func (r *Reader) power(in func(...string) string, board string) (under, slow protocol.Known) {
	under, slow = voltage(r.glob(in("sys/class/hwmon/hwmon*"), listAgain)), protocol.Unknown
	if file := r.firmware(in); file != "" {
		now, throttled := flags(text(file))
		under, slow = either(under, now), throttled
	}
	if blind(board) {
		under = protocol.Unknown
	}
	r.under, r.slow = either(r.under, under), either(r.slow, slow)
	return r.under, r.slow
}

// firmware gives the file in which the board's firmware tells of its power; "" where there is
// none. Looking for it means to look into each of the board's devices, so it is not done often.
func (r *Reader) firmware(in func(...string) string) string {
	if files := r.glob(in("sys/devices/platform/*/*firmware*/get_throttled"), searchAgain); len(files) > 0 {
		return files[0]
	}
	return ""
}

const searchAgain = time.Hour

// either is yes where one is, and unknown where neither knows.
func either(a, b protocol.Known) protocol.Known {
	switch {
	case a == protocol.Yes || b == protocol.Yes:
		return protocol.Yes
	case a == protocol.No || b == protocol.No:
		return protocol.No
	}
	return protocol.Unknown
}

// clock says whether the time was set by the network since the machine started.
func (r *Reader) clock(in func(...string) string) protocol.Known {
	if exists(in("run/systemd/timesync/synchronized")) {
		return protocol.Yes
	}
	ask := r.adjtimex
	if ask == nil {
		ask = adjtimex
	}
	return ask()
}

// adjtimex asks the kernel. A unit that may not touch the clock may not ask it
// either; then it is unknown.
func adjtimex() protocol.Known {
	const timeError = 5 // TIME_ERROR of adjtimex(2): not synchronised
	state, err := syscall.Adjtimex(&syscall.Timex{})
	switch {
	case err != nil:
		return protocol.Unknown
	case state == timeError:
		return protocol.No
	}
	return protocol.Yes
}

// Magic numbers of statfs(2).
const (
	tmpfs   = 0x01021994
	overlay = 0x794c7630
)

// readOnly is ST_RDONLY of statvfs(3): the mount or the file system itself.
const readOnly = 1

func (r *Reader) disk(m *Machine) {
	look := r.statfs
	if look == nil {
		look = statfs
	}
	st, err := look(r.State)
	if err != nil {
		return
	}
	size := int64(st.Bsize) //nolint:unconvert // 32 bits wide on arm
	m.DiskFree, m.DiskTotal = int64(st.Bavail)*size, int64(st.Blocks)*size
	kind := uint32(st.Type) //nolint:gosec // a magic number, sign and width differ between machines
	m.Volatile = kind == tmpfs || kind == overlay
	m.ReadOnly = int64(st.Flags)&readOnly != 0
}

func statfs(dir string) (st syscall.Statfs_t, err error) {
	err = syscall.Statfs(dir, &st)
	return st, err
}

// Health is what of it the server is told. The caller adds what only it knows:
// the parts, the microphone's level, presses and restarts.
func (m Machine) Health() protocol.Health {
	return protocol.Health{
		DiskTotal: m.DiskTotal, Temperature: m.Temperature, Undervoltage: m.Undervoltage, Throttled: m.Throttled, WiFi: m.WiFi,
		Memory: m.Memory, CardErrors: m.CardErrors, CardWorn: m.CardWorn,
		Board: short(m.Board), OS: short(m.OS), Kernel: short(m.Kernel),
	}
}

// short bounds a name to what the protocol takes.
func short(s string) string {
	const limit = 120
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "")
}
