package cli

import (
	"context"
	"strings"

	"illumi/agent/internal/checkup"
	"illumi/agent/internal/config"
	"illumi/agent/internal/daemon"
	"illumi/agent/internal/media"
	"illumi/agent/internal/selftest"
	"illumi/protocol"
)

// selfTest tests the running box aloud with its own hands.
func (p *program) selfTest(ctx context.Context, box *checkup.Box, c config.Config, h daemon.Hands, pack media.Pack, shown func(protocol.CheckItem)) []protocol.CheckItem {
	person := checkup.Person{
		Show: h.Panel.Show, Inputs: h.Inputs, Player: media.Player{Speaker: box.Speaker, Pack: pack},
		Gain: daemon.Gain, KeepVolume: h.KeepVolume,
	}
	plan := selftest.Plan{Box: digitsIn(c.Name), Code: protocol.SpokenCode(c.Device), Photo: h.Photo, Camera: box.Camera != nil, Volume: h.Volume}
	return box.SelfTest(ctx, person, plan, shown)
}

// digitsIn is the number in a box's name: "Box 07" is seven to who hears it.
func digitsIn(name string) string {
	var b strings.Builder
	for _, r := range name {
		if r >= '0' && r <= '9' {
			b.WriteRune(r)
		}
	}
	if s := b.String(); len(s) <= 4 {
		return s
	}
	return "" // an id, which nobody would listen to
}
