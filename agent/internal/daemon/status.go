package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"illumi/agent/internal/flow"
	"illumi/protocol"
)

// statusCalm is the least time between two statuses that changes ask for.
const statusCalm = 5 * time.Second

// hurryStatus lets the server know of a change soon.
func (d *Daemon) hurryStatus() {
	if d.statusAt.IsZero() {
		d.statusAt = d.saidAt.Add(statusCalm)
	}
}

// sendStatus tells the server how the box is; without a connection nothing.
func (d *Daemon) sendStatus() {
	d.statusAt, d.saidAt = time.Time{}, time.Now()
	if !d.state.Online {
		return
	}
	s, err := d.status()
	if err == nil {
		err = d.o.Link.Status(s)
	}
	d.onDisk("send a status", err)
}

// status is how the box is, for its server and for who stands beside it.
func (d *Daemon) status() (protocol.Status, error) {
	free, err := d.spool.Free()
	return protocol.Status{
		State: string(d.state.Phase), Practice: d.state.Turn.Practice, Waiting: d.waiting(), Unsent: d.unsent(), DiskFree: free,
		Uptime: int64(time.Since(d.started).Seconds()), Settings: d.settings.Version, ClockSync: d.clockKnown(),
		InForce: d.inForce(), Health: d.health(),
	}, err
}

// Now is how a running box is at this moment: what it tells its server, and
// which settings that wants.
type Now struct {
	protocol.Status
	Wanted protocol.Settings `json:"wanted"`
}

// sayNow asks the loop.
func (d *Daemon) sayNow(ctx context.Context) (Now, error) {
	type answer struct {
		now Now
		err error
	}
	got := make(chan answer, 1)
	d.post(ctx, func() {
		s, err := d.status()
		got <- answer{Now{s, d.wanted}, err}
	})
	select {
	case a := <-got:
		return a.now, a.err
	case <-ctx.Done():
		return Now{}, ctx.Err()
	}
}

// waiting counts the whispers on the box that are not answered.
func (d *Daemon) waiting() int {
	n := 0
	for _, t := range d.state.Queue {
		if !t.Practice {
			n++
		}
	}
	if d.state.Turn.Hop != "" && d.state.Reply == "" && !d.state.Turn.Practice {
		n++
	}
	return n
}

// unsent counts the replies in the outbox.
func (d *Daemon) unsent() int { return len(d.state.Unsent) + len(d.aside) }

// Report is how the box is, as `illumi-agent status` tells it.
type Report struct {
	Running     bool       `json:"running"`
	Phase       flow.Phase `json:"phase"`
	Online      bool       `json:"online"`
	Server      string     `json:"server,omitempty"` // name for people
	LastContact time.Time  `json:"last_contact,omitzero"`
	Waiting     int        `json:"waiting"`
	Unsent      int        `json:"unsent"`
	Quiet       bool       `json:"quiet"`
	DiskLow     bool       `json:"disk_low"`
	Refusal     Refusal    `json:"refusal,omitzero"`
	Written     time.Time  `json:"written,omitzero"`
}

// writeStatus rewrites the status file where something in it has changed. It is
// a convenience and not worth a sync; that it could not be written is not worth
// more than a line.
func (d *Daemon) writeStatus(alive bool) {
	if alive {
		d.dog.say(d.inShort())
	}
	if d.o.StatusFile == "" {
		return
	}
	r := Report{Running: alive, Phase: d.state.Phase, Online: alive && d.state.Online, Server: d.server.Server, LastContact: d.server.At,
		Waiting: d.waiting(), Unsent: d.unsent(), Quiet: d.state.Hushed(), DiskLow: d.state.DiskLow,
		Refusal: d.refusal}
	if r == d.report {
		return
	}
	d.report = r
	r.Written = d.o.Now().UTC()
	data, err := json.Marshal(r)
	if err == nil {
		temp := d.o.StatusFile + ".new"
		if err = os.WriteFile(temp, data, 0o600); err == nil {
			err = os.Rename(temp, d.o.StatusFile)
		}
		if err != nil {
			err = errors.Join(err, removed(temp)) // half of it is nothing
		}
	}
	if err != nil && !d.mute {
		d.log.Warn("the status file could not be written", "error", err)
	}
	d.mute = err != nil
}

// removed takes a file away; an absent one is fine.
func removed(name string) error {
	if err := os.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// ReadReport reads a status file; one that is not there is an empty report.
func ReadReport(name string) (Report, error) {
	var r Report
	data, err := os.ReadFile(filepath.Clean(name))
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(data, &r)
}

// inShort is how the box is, in one line without names.
func (d *Daemon) inShort() string {
	words := protocol.StateWords(string(d.state.Phase))
	switch {
	case d.refusal.Code != "":
		words += "; the server refuses this box"
	case d.state.Online:
		words += "; connected"
	default:
		words += "; no connection"
	}
	if n := d.unsent(); n > 0 {
		words += fmt.Sprintf("; %d not sent", n)
	}
	return words
}
