package checkup

import (
	"context"
	"fmt"
	"time"

	"illumi/protocol"
)

// Limits of what is well. Room is as people.md 2.5 (E_DISK) and 5 have it, heat
// from where a Pi slows down, signal from people.md 5.
const (
	roomFailed = 200 << 20
	roomWarn   = 1 << 30
	heatWarn   = 80.0 // °C
	signalGood = -70  // dBm
	signalPoor = -80
	clockOff   = time.Minute
	slowLine   = 30_000 // bytes a second: a minute of speech then takes half a minute
)

func (b *Box) disk(context.Context) protocol.CheckItem {
	free, err := b.Free()
	if err != nil {
		return of(PartDisk, err, "Check the memory card.")
	}
	if b.Keeps != nil {
		switch lasting, writable := b.Keeps(); {
		case !writable:
			return failed(PartDisk, "Nothing can be written where the box keeps its whispers.", "Replace the memory card, then enrol the box anew.")
		case !lasting: // "saved" would not be true (hardware.md 6); for trying out it will do
			return warn(PartDisk, "What the box keeps would be lost with the power.", "Turn the overlay file system off with raspi-config, or put the box's folder on a partition of its own.")
		}
	}
	room := fmt.Sprintf("%s are free for whispers.", bytes(free))
	switch {
	case free < roomFailed:
		return failed(PartDisk, "Only "+room, "Make room, or use a larger memory card.")
	case free < roomWarn:
		return warn(PartDisk, "Only "+room, "Use a larger memory card soon.")
	}
	return ok(PartDisk, room)
}

func bytes(n int64) string {
	const mega = 1 << 20
	if n < 10*(1<<30) {
		return fmt.Sprintf("%d MB", n/mega)
	}
	return fmt.Sprintf("%d GB", n>>30)
}

func (b *Box) card(context.Context) protocol.CheckItem {
	if n := b.Health().CardErrors; n > 0 {
		return warn(PartCard, fmt.Sprintf("The file system counted %d errors.", n), "Replace the memory card soon; copy the box's answers first.")
	}
	return ok(PartCard, "The file system counted no errors.")
}

func (b *Box) power(context.Context) protocol.CheckItem {
	switch b.Health().Undervoltage {
	case protocol.Yes:
		return warn(PartPower, "The power supply is too weak, or was since the start.", "Use the adapter that belongs to the box, and no USB socket of a television.")
	case protocol.No:
		return ok(PartPower, "The voltage has been right since the start.")
	}
	return skipped(PartPower, "This board cannot tell its voltage.")
}

func (b *Box) heat(context.Context) protocol.CheckItem {
	h := b.Health()
	if h.Temperature == nil {
		return skipped(PartHeat, "This board cannot tell its temperature.")
	}
	text := fmt.Sprintf("The processor has %.0f °C.", *h.Temperature)
	if *h.Temperature >= heatWarn || h.Throttled == protocol.Yes {
		return warn(PartHeat, text+" It slows down.", "Move the box away from the sun and from heaters, and let air pass.")
	}
	return ok(PartHeat, text)
}

func (b *Box) wifi(context.Context) protocol.CheckItem {
	h := b.Health()
	if h.WiFi == nil {
		return skipped(PartWiFi, "The box is not on Wi-Fi.")
	}
	text := fmt.Sprintf("The signal has %d dBm.", *h.WiFi)
	switch {
	case *h.WiFi >= signalGood:
		return ok(PartWiFi, text)
	case *h.WiFi >= signalPoor:
		return warn(PartWiFi, text+" That is weak.", "Move the box or the router, if that is easy.")
	}
	return failed(PartWiFi, text+" That is too weak.", "Move the box or the router, or use a network cable.")
}

// server looks at the way there, the clock, which it helps to judge, and the line.
func (b *Box) server(ctx context.Context) []protocol.CheckItem {
	if b.Server == nil {
		return []protocol.CheckItem{b.clock(time.Time{}), skipped(PartServer, "The box is not enrolled.")}
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	s, err := b.Server.Measure(ctx)
	if err != nil && s.RoundTrip == 0 {
		text, next := b.Explain(err)
		return []protocol.CheckItem{b.clock(s.Server), failed(PartServer, text, next)}
	}
	line := ok(PartSpeed, fmt.Sprintf("%s come down and %s go up a second.", rate(s.Down), rate(s.Up)))
	switch {
	case err != nil: // it answers, but something between lets no more through
		text, next := b.Explain(err)
		line = warn(PartSpeed, "The line could not be timed. "+text, next)
	case min(s.Down, s.Up) < slowLine:
		line.Verdict, line.Next = protocol.VerdictWarn, "Whispers will take a while. Move the box nearer to the router."
	}
	return []protocol.CheckItem{
		b.clock(s.Server),
		ok(PartServer, fmt.Sprintf("The server answers within %d ms.", max(1, s.RoundTrip.Milliseconds()))),
		line,
	}
}

func rate(perSecond float64) string {
	if perSecond < 1e6 {
		return fmt.Sprintf("%.0f kB", perSecond/1e3)
	}
	return fmt.Sprintf("%.1f MB", perSecond/1e6)
}

func (b *Box) clock(server time.Time) protocol.CheckItem {
	now := b.Now()
	if !server.IsZero() {
		if off := now.Sub(server).Abs(); off > clockOff {
			return warn(PartClock, fmt.Sprintf("The clock differs from the server's by %s.", protocol.Spell(off)),
				"Wait until the box has asked the internet for the time.")
		}
		return ok(PartClock, "The clock agrees with the server's.")
	}
	if b.Clock != nil && !b.Clock() {
		return warn(PartClock, "Nothing has set the clock since the start.", "Connect it to the internet. It keeps quiet until it knows the time.")
	}
	return ok(PartClock, "Something keeps the clock right.")
}
