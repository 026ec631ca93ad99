package main

import (
	"context"
	"fmt"
	"time"

	"illumi/scripts/e2e/world"
)

// lookEvery is how often the whisper's record is read.
const lookEvery = 150 * time.Millisecond

// Words for a hop's states, as its box and its researcher would say them.
var hopWords = map[string]string{
	"planned": "its turn comes later", "offered": "its turn: the light will breathe", "delivered": "has it and waits to be heard",
	"heard": "was heard", "received": "answered", "held": "answered, going on after the pause", "approved": "answered",
	"skipped": "was passed over", "rejected": "was not passed on", "withdrawn": "was withdrawn",
}

// follow prints each change of the whisper until it has an end.
func (d *show) follow(ctx context.Context, id string) error {
	began := time.Now()
	seen := map[int]string{}
	state := ""
	lastChange := time.Now()
	for {
		w, _, err := d.me.Whisper(ctx, id)
		if err != nil {
			return err
		}
		for _, h := range w.Hops {
			if seen[h.Position] == h.State || h.State == "planned" {
				continue
			}
			for _, s := range passed(seen[h.Position], h) {
				d.say("  %6.1f s  hop %d of %d  %-14s %s", time.Since(began).Seconds(), h.Position, len(w.Hops), h.Device, hopWords[s])
			}
			seen[h.Position] = h.State
			lastChange = time.Now()
		}
		if w.State != state {
			state, lastChange = w.State, time.Now()
		}
		switch w.State {
		case "complete":
			d.done("every box has answered; the whisper is complete after %.1f s", time.Since(began).Seconds())
			return nil
		case "ended":
			return fmt.Errorf("the whisper was ended before every box had answered")
		}
		if err := d.alive(lastChange); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lookEvery):
		}
	}
}

// passed lists the states that a hop came through since it was last looked at.
func passed(before string, h world.Hop) []string {
	var list []string
	for _, s := range []struct {
		state string
		at    *time.Time
	}{{"offered", h.OfferedAt}, {"delivered", h.DeliveredAt}, {"heard", h.HeardAt}} {
		if s.state == h.State {
			break
		}
		switch {
		case s.state == before:
			list = nil
		case s.at != nil:
			list = append(list, s.state)
		}
	}
	return append(list, h.State)
}

// patience is how long a whisper between auto-answering boxes may rest.
const patience = 5 * time.Minute

// alive reports a process that ended, or a whisper that stands still although
// nobody has to be waited for.
func (d *show) alive(lastChange time.Time) error {
	for _, a := range d.agents {
		if !a.Process().Running() {
			return fmt.Errorf("the box %s ended by itself:\n%s", a.Name, a.Process().Tail(2000))
		}
	}
	if s := d.w.Server(); !s.Running() {
		return fmt.Errorf("the server ended by itself:\n%s", s.Tail(2000))
	}
	if d.settings.me == "" && time.Since(lastChange) > patience {
		return fmt.Errorf("nothing has happened for %s, although every box answers by itself. The last words of each program:\n%s", patience, d.w.Logs(1500))
	}
	return nil
}

// summary says what came of it.
func (d *show) summary(w world.Whisper, dir string) {
	rows := [][]string{{"HOP", "BOX", "OFFERED", "HEARD", "ANSWERED", "RECORDING", "PICTURE", "SHA-256 OF THE RECORDING"}}
	rows = append(rows, d.row("seed", "–", nil, nil, nil, w.Origin.Files))
	for _, h := range w.Hops {
		rows = append(rows, d.row(fmt.Sprint(h.Position), h.Device, h.OfferedAt, h.HeardAt, h.ReceivedAt, h.Files))
	}
	d.say("")
	d.table(rows)
	d.say("")
	d.done("the order is the one that %s gives with the seed\n  %s", w.OrderAlgorithm, w.Seed)
	d.done("%d files have the SHA-256 that the record says; no shared copy carries EXIF", len(w.Files()))
	d.done("the mail “whisper complete” is written")
	if dir != "" {
		d.done("the result is in %s: whisper.json, media, mail.eml", dir)
	}
}

func (d *show) row(hop, box string, offered, heard, answered *time.Time, files []world.File) []string {
	clock := func(t *time.Time) string {
		if t == nil {
			return "–"
		}
		return t.Local().Format("15:04:05")
	}
	audio, _ := world.Find(files, "audio", "original")
	picture := "–"
	if image, ok := world.Find(files, "image", "original"); ok {
		picture = size(image.Size)
	}
	return []string{hop, box, clock(offered), clock(heard), clock(answered), size(audio.Size), picture, audio.SHA256[:min(12, len(audio.SHA256))]}
}
