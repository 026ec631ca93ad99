package daemon

import (
	"fmt"
	"time"

	"illumi/agent/internal/flow"
	"illumi/agent/internal/media"
	"illumi/agent/internal/spool"
	"illumi/protocol"
)

// headerOnly is how long a recording's file is before its first sound.
const headerOnly = 44

// takes lists the takes that were not sealed, as whole as a power cut left them.
// One that cannot be read is set aside and not among them: what may be
// somebody's words is not erased for being too short.
func (d *Daemon) takes() ([]flow.TakeFile, error) {
	takes, err := d.spool.Takes()
	if err != nil {
		return nil, err
	}
	var list []flow.TakeFile
	for _, t := range takes {
		k := flow.TakeFile{Hop: t.Hop, N: t.Take, Photo: t.Photo != "", Partial: t.Partial || t.Audio == ""}
		if t.Audio != "" {
			if k.Duration, err = takeLength(t); err != nil && t.Size > headerOnly {
				length, whole := copyLength(t)
				d.setTakeAside(t, err, whole)
				if !whole {
					continue
				}
				k.Duration = length
			} else if err != nil {
				d.log.Warn("a take was cut off before its first sound", "hop", t.Hop, "take", t.Take, "error", err)
				k.Partial = true // and so too short to be kept
			}
		}
		k.Age = d.age(t)
		list = append(list, k)
	}
	return list, nil
}

// setTakeAside keeps what cannot be read out of the way, and lets the team know:
// the turn goes on without it.
func (d *Daemon) setTakeAside(t spool.Take, why error, copyWhole bool) {
	d.log.Error("a take cannot be read and is set aside", "hop", t.Hop, "take", t.Take, "copy", copyWhole, "error", why)
	if _, err := d.spool.SetTakeAside(t, why.Error(), copyWhole); err != nil {
		d.onDisk("set a take aside", err) // then it stays where it is
	}
	if !copyWhole {
		d.report1(protocol.Report{Code: protocol.ReportReply, Hop: t.Hop, At: d.wall(),
			Detail: "a recording that waited on the box could not be read when it started"}, 0)
	}
}

// takeLength gives a take's length, and a cut one its end.
func takeLength(t spool.Take) (time.Duration, error) {
	if t.Partial {
		return media.RepairWAV(t.Audio)
	}
	return soundLength(t.Audio)
}

// copyLength gives the length of a take's compressed copy, if that is whole.
func copyLength(t spool.Take) (length time.Duration, whole bool) {
	if t.Partial || t.Flat == "" || t.Flat == t.Audio {
		return 0, false
	}
	length, err := soundLength(t.Flat)
	return length, err == nil
}

func soundLength(path string) (time.Duration, error) {
	s, err := media.OpenSound(path)
	if err != nil {
		return 0, err
	}
	length := s.Duration()
	if err := s.Close(); err != nil {
		return 0, fmt.Errorf("close a take: %w", err)
	}
	return length, nil
}
