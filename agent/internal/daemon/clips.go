package daemon

import (
	"context"
	"time"

	"illumi/agent/internal/media"
	"illumi/agent/internal/retry"
	"illumi/agent/internal/transfer"
)

// syncClips fetches the sentences that somebody else is to speak on this box,
// where the settings name another list than it has.
func (d *Daemon) syncClips() {
	if d.o.Clips == "" || d.clipping || d.settings.Clips == d.clipSet {
		return
	}
	d.clipping = true
	wanted := d.settings.Clips
	d.wait.Go(func() {
		pause := retry.Backoff{Min: 5 * time.Second, Max: 10 * time.Minute}
		for {
			set, err := d.fetchClips()
			if err == nil || d.ctx.Err() != nil || transfer.IsRefused(err) {
				d.post(d.ctx, func() {
					d.clipping = false
					if err == nil {
						d.clipSet = set
						d.hurryStatus()
					}
					if d.settings.Clips != wanted {
						d.syncClips() // it changed meanwhile
					}
				})
				return
			}
			d.log.Warn("the box's own sentences could not be fetched yet", "error", err)
			if pause.Wait(d.ctx) != nil {
				return
			}
		}
	})
}

func (d *Daemon) fetchClips() (set string, err error) {
	err = within(d.ctx, 10*time.Minute, func(ctx context.Context) error {
		set, err = d.o.Client.SyncClips(ctx, d.o.Clips)
		return err
	})
	return set, err
}

// pack is the language that the box speaks now. It belongs to the loop.
func (d *Daemon) pack() media.Pack {
	if d.o.Packs != nil {
		return d.o.Packs(d.settings.Language)
	}
	return d.o.Pack
}
