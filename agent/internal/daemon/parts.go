package daemon

import (
	"context"

	"illumi/agent/internal/flow"
)

// Part is one that can be pulled out and put back.
type Part string

// Parts that Options.Watch tells of.
const (
	PartMicrophone Part = "microphone"
	PartSpeaker    Part = "loudspeaker"
	PartCamera     Part = "camera"
)

// partEvents are what the interaction hears of them. That a microphone goes
// while nobody speaks is no news: whether there is one is found out when it is
// opened, since a citizen shall not be told of what does not concern them.
var partEvents = map[Part][2]flow.Kind{
	PartMicrophone: {"", flow.KindMicBack},
	PartSpeaker:    {flow.KindSpeakerLost, flow.KindSpeakerBack},
	PartCamera:     {flow.KindCameraLost, flow.KindCameraBack},
}

// watch follows parts that come and go, for as long as the box runs.
func (d *Daemon) watch(ctx context.Context) error {
	return d.o.Watch(ctx, func(p Part, there bool) {
		d.post(ctx, func() {
			kind := partEvents[p][0]
			if there {
				kind = partEvents[p][1]
			}
			d.log.Info("a part came or went", "part", string(p), "there", there)
			if kind != "" {
				d.step(flow.Event{Kind: kind})
			}
			d.hurryStatus()
		})
	})
}
