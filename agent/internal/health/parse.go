package health

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"illumi/agent/internal/kernel"
	"illumi/protocol"
)

// text is a small file without the blanks and the NUL at its end; empty where
// it cannot be read, which on this machine means that there is no such thing.
func text(name string) string {
	data, err := kernel.Read(filepath.Clean(name))
	if err != nil {
		return ""
	}
	return string(bytes.Trim(data, "\x00 \t\r\n"))
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// number reads a file that holds one whole number.
func number(name string) (int64, bool) {
	n, err := strconv.ParseInt(text(name), 10, 64)
	return n, err == nil
}

// temperature is the processor's, or where no zone says that it is, the first
// one that can be believed.
func temperature(zones []string) *float64 {
	var found *float64
	for _, zone := range zones {
		milli, ok := number(filepath.Join(zone, "temp"))
		if !ok || milli < -40_000 || milli > 150_000 {
			continue
		}
		c := math.Round(float64(milli)/100) / 10
		kind := text(filepath.Join(zone, "type"))
		if strings.Contains(kind, "cpu") || strings.Contains(kind, "soc") {
			return &c
		}
		if found == nil {
			found = &c
		}
	}
	return found
}

// voltage asks the firmware's sensor, which tells of every dip since it was
// last asked.
func voltage(sensors []string) protocol.Known {
	for _, s := range sensors {
		if text(filepath.Join(s, "name")) != "rpi_volt" {
			continue
		}
		switch text(filepath.Join(s, "in0_lcrit_alarm")) {
		case "0":
			return protocol.No
		case "1":
			return protocol.Yes
		}
	}
	return protocol.Unknown
}

// blind reports a board that cannot feel its voltage and says "fine" all the
// same (raspberrypi/linux#2367): the first Zeros and models A and B.
func blind(board string) bool {
	if strings.HasPrefix(board, "Raspberry Pi Zero") {
		return !strings.HasPrefix(board, "Raspberry Pi Zero 2")
	}
	return strings.HasPrefix(board, "Raspberry Pi Model A Rev") || strings.HasPrefix(board, "Raspberry Pi Model B Rev")
}

// Bits of the firmware's get_throttled: now, and with 16 more since the start.
const (
	underNow  = 1 << 0
	cappedNow = 1 << 1
	slowNow   = 1 << 2
	hotNow    = 1 << 3
	since     = 16
)

// flags reads the firmware's hexadecimal word.
func flags(word string) (under, slow protocol.Known) {
	n, err := strconv.ParseUint(strings.TrimPrefix(word, "0x"), 16, 32)
	if err != nil {
		return protocol.Unknown, protocol.Unknown
	}
	n |= n >> since
	return known(n&underNow != 0), known(n&(cappedNow|slowNow|hotNow) != 0)
}

func known(yes bool) protocol.Known {
	if yes {
		return protocol.Yes
	}
	return protocol.No
}

// wifi reads /proc/net/wireless: the signal of the strongest card.
func wifi(table string) *int {
	var best *int
	for line := range strings.Lines(table) {
		// wlan0: 0000   54.  -56.  -256        0      0      0      0     12        0
		name, rest, ok := strings.Cut(line, ":")
		f := strings.Fields(rest)
		if !ok || strings.Contains(name, "|") || len(f) < 3 {
			continue
		}
		level, err := strconv.ParseFloat(strings.TrimSuffix(f[2], "."), 64)
		if err != nil {
			continue
		}
		dbm := int(level)
		if dbm > 63 { // an older driver's byte
			dbm -= 256
		}
		if dbm >= 0 || dbm < -120 {
			continue // not joined, or no dBm
		}
		if best == nil || dbm > *best {
			best = &dbm
		}
	}
	return best
}

func memory(table string) int64 {
	for line := range strings.Lines(table) {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == "MemAvailable:" {
			kib, err := strconv.ParseInt(f[1], 10, 64)
			if err == nil && kib > 0 {
				return kib << 10
			}
		}
	}
	return 0
}

func cardErrors(files []string) (n int64) {
	for _, name := range files {
		if k, ok := number(name); ok && k > 0 {
			n += k
		}
	}
	return n
}

// worn says whether the card is at its end: by its errors, by having been
// mounted anew for reading only, or by what an eMMC says of itself (90 % of its
// life used, or most spare blocks). A plain SD card says nothing.
func worn(cards []string, m Machine) protocol.Known {
	if m.CardErrors > 0 || m.ReadOnly {
		return protocol.Yes
	}
	says := protocol.Unknown
	for _, card := range cards {
		for used := range strings.FieldsSeq(text(filepath.Join(card, "life_time"))) {
			if n, err := strconv.ParseUint(strings.TrimPrefix(used, "0x"), 16, 8); err == nil && n > 0 {
				says = either(says, known(n >= 0x0a))
			}
		}
		if n, err := strconv.ParseUint(strings.TrimPrefix(text(filepath.Join(card, "pre_eol_info")), "0x"), 16, 8); err == nil && n > 0 {
			says = either(says, known(n >= 2))
		}
	}
	return says
}

// osName is the system's name for people in os-release.
func osName(release string) string {
	for line := range strings.Lines(release) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "PRETTY_NAME="); ok {
			return strings.Trim(name, `"'`)
		}
	}
	return ""
}
