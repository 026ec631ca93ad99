package storetest

import (
	"time"

	"illumi/protocol"
)

// Told is what a box that is well tells of itself, with nothing left out.
func Told() (protocol.Capabilities, protocol.Status) {
	hot, wifi, loud, pressed := 48.3, -61, -19.5, time.UnixMicro(epoch).UTC()
	force := protocol.Settings{}
	return protocol.Capabilities{Buttons: 3, Microphone: true, Speaker: true, Camera: true, Audio: "audio/flac"},
		protocol.Status{
			State: "idle", DiskFree: 24_000_000_000, Uptime: 777_777, Settings: 1, ClockSync: true, InForce: &force,
			Health: &protocol.Health{
				DiskTotal: 31_000_000_000, Temperature: &hot, Undervoltage: protocol.No, Throttled: protocol.No, WiFi: &wifi, MicLevel: &loud,
				Memory: 300_000_000, Restarts: 2, LastPress: &pressed, Board: "Raspberry Pi 4 Model B Rev 1.4",
				OS: "Debian GNU/Linux 13 (trixie)", Kernel: "6.12.47+rpt-rpi-v8", Microphone: "USB PnP Sound Device", Speaker: "bcm2835 Headphones", Camera: "imx708",
			},
		}
}
