package daemon

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"illumi/agent/internal/flow"
	"illumi/agent/internal/media"
	"illumi/agent/internal/spool"
)

// compressLimit bounds the work on one take, ten minutes of speech on the
// slowest board. What is not done by then is sent as it is.
const compressLimit = 2 * time.Minute

// compress makes a take smaller without loss while its citizen is asked whether
// to send it. Nobody waits for it: a seal that comes before sends the WAV.
func (d *Daemon) compress(hop string, take int) {
	if !d.o.FLAC {
		return
	}
	d.wait.Go(func() {
		err := within(d.ctx, compressLimit, func(ctx context.Context) error { return d.flatten(ctx, hop, take) })
		if err != nil && d.ctx.Err() == nil && !errors.Is(err, spool.ErrUnknown) {
			d.log.Warn("a recording was not compressed and is sent as it is", "error", err)
		}
	})
}

func (d *Daemon) flatten(ctx context.Context, hop string, take int) error {
	audio, _, err := d.takeFiles(hop, take)
	if err != nil || filepath.Ext(audio) != ".wav" {
		return err
	}
	f, err := d.spool.CreateFlat(hop, take)
	if err != nil {
		return err
	}
	_, err = media.EncodeFLAC(ctx, audio, f)
	if err = errors.Join(err, f.Close()); err != nil {
		return err // the part is replaced by the next attempt, and erased with its take
	}
	return d.spool.KeepFlat(hop, take)
}

// sealedFiles gives what of a take is to be sealed: the recording, compressed
// where that is done, and the photo.
func (d *Daemon) sealedFiles(f flow.Effect, kept string) (audio, photo string, err error) {
	takes, err := d.spool.Takes()
	if err != nil {
		return "", "", err
	}
	for _, t := range takes {
		if t.Hop != f.Hop || t.Take != f.Take {
			continue
		}
		if t.Flat != "" {
			kept = t.Flat
		}
		return kept, t.Photo, nil
	}
	return kept, "", nil
}

func typeOf(audio string) string {
	if filepath.Ext(audio) == ".flac" {
		return "audio/flac"
	}
	return "audio/wav"
}
