package daemon

import (
	"errors"
	"slices"
	"time"

	"illumi/agent/internal/flow"
	"illumi/agent/internal/spool"
	"illumi/protocol"
)

// unsend takes a reply out of the outbox, as long as no byte of it can have been
// taken for an answer: then it is a take again, and its turn the one in hand.
func (d *Daemon) unsend(f flow.Effect) {
	turn, take, err := d.unsealed(f.Reply)
	e := flow.Event{Kind: flow.KindUnsent, Seq: f.Seq, Reply: f.Reply, Turn: turn, Take: take}
	if err != nil {
		e = flow.Event{Kind: flow.KindNotUnsent, Seq: f.Seq, Reply: f.Reply}
		if !errors.Is(err, spool.ErrMaybeSent) && !errors.Is(err, spool.ErrUnknown) {
			d.onDisk("take a reply out of the outbox", err)
		}
	}
	d.step(e)
}

func (d *Daemon) unsealed(reply string) (*flow.Turn, flow.Take, error) {
	items, err := d.outbox()
	if err != nil {
		return nil, flow.Take{}, err
	}
	i := slices.IndexFunc(items, func(it spool.Item) bool { return it.ID == reply })
	if i < 0 {
		return nil, flow.Take{}, spool.ErrUnknown
	}
	it := items[i]
	e, err := d.spool.Entry(it.Hop) // without its whisper it can only be sent
	if err != nil {
		return nil, flow.Take{}, err
	}
	if err := d.spool.Unseal(reply); err != nil {
		return nil, flow.Take{}, err
	}
	t := d.turn(e)
	t.Plays, t.Takes = it.Facts.Plays, max(t.Takes, it.Facts.Takes)
	d.told[it.Hop] = max(d.told[it.Hop], e.Offer.Epoch)
	photo := it.Facts.Photo
	if photo == flow.PhotoTaken && !slices.ContainsFunc(it.Files, func(f spool.ItemFile) bool { return f.Role == protocol.RoleImage }) {
		photo = flow.PhotoFailed
	}
	return &t, flow.Take{N: it.Take, ToneEnd: time.Duration(it.Facts.ToneEndMS) * time.Millisecond, Photo: photo}, nil
}
