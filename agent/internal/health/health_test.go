package health

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"illumi/protocol"
)

// zero2 is what a Pi Zero 2 W shows, as far as this package looks.
var zero2 = map[string]string{
	"sys/class/thermal/thermal_zone0/type":                "cpu-thermal\n",
	"sys/class/thermal/thermal_zone0/temp":                "48312\n",
	"sys/class/hwmon/hwmon0/name":                         "cpu_thermal\n",
	"sys/class/hwmon/hwmon1/name":                         "rpi_volt\n",
	"sys/class/hwmon/hwmon1/in0_lcrit_alarm":              "0\n",
	"sys/devices/platform/soc/soc:firmware/get_throttled": "0\n",
	"sys/fs/ext4/mmcblk0p2/errors_count":                  "0\n",
	"sys/block/mmcblk0/device/type":                       "SD\n",
	"proc/net/wireless":                                   "Inter-| sta-|   Quality        |   Discarded packets               | Missed | WE\n face | tus | link level noise |  nwid  crypt   frag  retry   misc | beacon | 22\n wlan0: 0000   54.  -56.  -256        0      0      0      0     12        0\n",
	"proc/meminfo":                                        "MemTotal:         426840 kB\nMemFree:           50000 kB\nMemAvailable:     210000 kB\n",
	"proc/sys/kernel/random/boot_id":                      "2f1b0f6e-30f2-4c3e-8d44-51c2b7f5a1aa\n",
	"proc/sys/kernel/osrelease":                           "6.12.47+rpt-rpi-v8\n",
	"proc/device-tree/model":                              "Raspberry Pi Zero 2 W Rev 1.0\x00",
	"etc/os-release":                                      "PRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\nNAME=\"Debian GNU/Linux\"\n",
	"run/systemd/timesync/synchronized":                   "",
}

// machine writes a root; a change to "" takes a file away.
func machine(t *testing.T, changes map[string]string) *Reader {
	t.Helper()
	root := t.TempDir()
	for name, holds := range zero2 {
		if _, changed := changes[name]; !changed {
			write(t, root, name, holds)
		}
	}
	for name, holds := range changes {
		if holds != "" {
			write(t, root, name, holds)
		}
	}
	return &Reader{
		Root: root, State: "/var/lib/illumi-agent",
		adjtimex: func() protocol.Known { return protocol.No },
		statfs: func(string) (syscall.Statfs_t, error) {
			return syscall.Statfs_t{Type: 0xef53, Bsize: 4096, Blocks: 1000, Bavail: 400, Bfree: 500}, nil
		},
	}
}

func write(t *testing.T, root, name, holds string) {
	t.Helper()
	at := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(at), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at, []byte(holds), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestRead_AllIsWell(t *testing.T) {
	m := machine(t, nil).Read()
	if m.Temperature == nil || *m.Temperature != 48.3 || m.WiFi == nil || *m.WiFi != -56 {
		t.Errorf("temperature %v, Wi-Fi %v", m.Temperature, m.WiFi)
	}
	m.Temperature, m.WiFi = nil, nil
	want := Machine{
		DiskFree: 400 * 4096, DiskTotal: 1000 * 4096, CardWorn: protocol.Unknown, Undervoltage: protocol.No, Throttled: protocol.No,
		Memory: 210000 << 10, ClockSync: protocol.Yes,
		BootID: "2f1b0f6e-30f2-4c3e-8d44-51c2b7f5a1aa", Board: "Raspberry Pi Zero 2 W Rev 1.0",
		OS: "Debian GNU/Linux 13 (trixie)", Kernel: "6.12.47+rpt-rpi-v8",
	}
	if m != want {
		t.Errorf("read\n %+v\nwant\n %+v", m, want)
	}
	if err := m.Health().Check(); err != nil {
		t.Errorf("the server would refuse it: %v", err)
	}
}

// Nothing to read is nothing known, and never well.
func TestRead_AnEmptyMachine(t *testing.T) {
	r := &Reader{Root: t.TempDir(), State: filepath.Join(t.TempDir(), "none"), adjtimex: func() protocol.Known { return protocol.Unknown }}
	m := r.Read()
	if want := (Machine{CardWorn: protocol.Unknown, Undervoltage: protocol.Unknown, Throttled: protocol.Unknown, ClockSync: protocol.Unknown}); m != want {
		t.Errorf("read %+v", m)
	}
	if err := m.Health().Check(); err != nil {
		t.Errorf("the server would refuse it: %v", err)
	}
}

func TestRead_Trouble(t *testing.T) {
	const throttled = "sys/devices/platform/soc/soc:firmware/get_throttled"
	const alarm = "sys/class/hwmon/hwmon1/in0_lcrit_alarm"
	for name, tc := range map[string]struct {
		changes map[string]string
		ok      func(Machine) bool
	}{
		"too little power now":         {map[string]string{alarm: "1"}, func(m Machine) bool { return m.Undervoltage == protocol.Yes && m.Throttled == protocol.No }},
		"too little power before":      {map[string]string{throttled: "50000"}, func(m Machine) bool { return m.Undervoltage == protocol.Yes && m.Throttled == protocol.Yes }},
		"hot":                          {map[string]string{throttled: "0x80008"}, func(m Machine) bool { return m.Undervoltage == protocol.No && m.Throttled == protocol.Yes }},
		"no firmware":                  {map[string]string{throttled: ""}, func(m Machine) bool { return m.Undervoltage == protocol.No && m.Throttled == protocol.Unknown }},
		"neither":                      {map[string]string{throttled: "", alarm: ""}, func(m Machine) bool { return m.Undervoltage == protocol.Unknown }},
		"nonsense":                     {map[string]string{throttled: "warm", alarm: "2"}, func(m Machine) bool { return m.Undervoltage == protocol.Unknown }},
		"a Zero cannot feel it":        {map[string]string{"proc/device-tree/model": "Raspberry Pi Zero W Rev 1.1"}, func(m Machine) bool { return m.Undervoltage == protocol.Unknown }},
		"the first model B neither":    {map[string]string{"proc/device-tree/model": "Raspberry Pi Model B Rev 2"}, func(m Machine) bool { return m.Undervoltage == protocol.Unknown }},
		"the 3 Model B can":            {map[string]string{"proc/device-tree/model": "Raspberry Pi 3 Model B Rev 1.2"}, func(m Machine) bool { return m.Undervoltage == protocol.No }},
		"card errors":                  {map[string]string{"sys/fs/ext4/mmcblk0p3/errors_count": "7"}, func(m Machine) bool { return m.CardErrors == 7 && m.CardWorn == protocol.Yes }},
		"an old eMMC":                  {map[string]string{"sys/block/mmcblk0/device/life_time": "0x02 0x0b"}, func(m Machine) bool { return m.CardWorn == protocol.Yes }},
		"a good eMMC":                  {map[string]string{"sys/block/mmcblk0/device/life_time": "0x01 0x02", "sys/block/mmcblk0/device/pre_eol_info": "0x01"}, func(m Machine) bool { return m.CardWorn == protocol.No }},
		"an eMMC without spare blocks": {map[string]string{"sys/block/mmcblk0/device/pre_eol_info": "0x03"}, func(m Machine) bool { return m.CardWorn == protocol.Yes }},
		"no time yet":                  {map[string]string{"run/systemd/timesync/synchronized": ""}, func(m Machine) bool { return m.ClockSync == protocol.No }},
		"a cable":                      {map[string]string{"proc/net/wireless": "Inter-| sta-|\n face | tus |\n"}, func(m Machine) bool { return m.WiFi == nil }},
		"an older driver":              {map[string]string{"proc/net/wireless": " wlan0: 0000   54.  200.  0.  0\n"}, func(m Machine) bool { return m.WiFi != nil && *m.WiFi == -56 }},
		"not joined":                   {map[string]string{"proc/net/wireless": " wlan0: 0000    0.     0.     0.  0\n"}, func(m Machine) bool { return m.WiFi == nil }},
		"two cards":                    {map[string]string{"proc/net/wireless": " wlan0: 0000 1. -80. 0.\n wlan1: 0000 1. -50. 0.\n"}, func(m Machine) bool { return *m.WiFi == -50 }},
		"no zone is the processor's":   {map[string]string{"sys/class/thermal/thermal_zone0/type": "x", "sys/class/thermal/thermal_zone0/temp": "50000", "sys/class/thermal/thermal_zone1/temp": "61000"}, func(m Machine) bool { return *m.Temperature == 50 }},
		"a broken sensor":              {map[string]string{"sys/class/thermal/thermal_zone0/temp": "-273000"}, func(m Machine) bool { return m.Temperature == nil }},
		"a PC":                         {map[string]string{"proc/device-tree/model": "", "sys/class/dmi/id/product_name": "ThinkCentre"}, func(m Machine) bool { return m.Board == "ThinkCentre" }},
		"an overlong name": {map[string]string{"proc/sys/kernel/osrelease": strings.Repeat("é", 90)}, func(m Machine) bool {
			return m.Health().Check() == nil && m.Health().Kernel == strings.Repeat("é", 60)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if m := machine(t, tc.changes).Read(); !tc.ok(m) {
				t.Errorf("read %+v", m)
			}
		})
	}
}

// The sensor forgets a dip as soon as it was told; the reader does not.
func TestRead_ADipIsRemembered(t *testing.T) {
	const alarm = "sys/class/hwmon/hwmon1/in0_lcrit_alarm"
	r := machine(t, map[string]string{alarm: "1"})
	r.Read()
	write(t, r.Root, alarm, "0")
	if m := r.Read(); m.Undervoltage != protocol.Yes {
		t.Errorf("after the dip it is %q", m.Undervoltage)
	}
}

func TestRead_TheDisk(t *testing.T) {
	for name, tc := range map[string]struct {
		kind     int64
		err      error
		readOnly bool
		volatile bool
		total    int64
	}{
		"ext4": {kind: 0xef53, total: 8192}, "a memory disk": {kind: tmpfs, volatile: true, total: 8192},
		"an overlay": {kind: overlay, volatile: true, total: 8192}, "none": {err: errors.New("no such file")},
		"mounted for reading only": {kind: 0xef53, readOnly: true, total: 8192},
	} {
		t.Run(name, func(t *testing.T) {
			r := machine(t, nil)
			r.statfs = func(dir string) (syscall.Statfs_t, error) {
				if dir != r.State {
					t.Errorf("looked at %s", dir)
				}
				st := syscall.Statfs_t{Bsize: 4096, Blocks: 2, Bavail: 1}
				convert(&st.Type, tc.kind)
				if tc.readOnly {
					convert(&st.Flags, syscall.MS_RDONLY|syscall.MS_NOATIME)
				}
				return st, tc.err
			}
			worn := protocol.Unknown
			if tc.readOnly {
				worn = protocol.Yes
			}
			if m := r.Read(); m.Volatile != tc.volatile || m.DiskTotal != tc.total || m.ReadOnly != tc.readOnly || m.CardWorn != worn {
				t.Errorf("read %+v", m)
			}
		})
	}
}

// convert hides that a field's width differs between machines.
func convert[T ~int32 | ~int64 | ~uint32 | ~uint64](to *T, n int64) { *to = T(n) }

// The machine that runs this test can be read as well.
func TestRead_ThisMachine(t *testing.T) {
	m := (&Reader{State: t.TempDir()}).Read()
	if m.Memory == 0 || m.DiskTotal == 0 || m.Kernel == "" {
		t.Errorf("read %+v", m)
	}
	if err := m.Health().Check(); err != nil {
		t.Error(err)
	}
}
