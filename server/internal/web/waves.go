package web

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"illumi/protocol"
	"illumi/server/internal/media"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

// An outline has bars parts. A page draws missing ones for outlineTime and
// keeps them; what is left is drawn at the next look.
const (
	bars        = 100
	outlineTime = time.Second
	waveHeight  = 64
)

// outlines completes the outlines of a view's recordings. One that cannot be
// drawn is no reason to show nothing.
func (w *Web) outlines(ctx context.Context, v *relay.View) {
	made := map[string]string{}
	end, stop := context.WithTimeout(ctx, outlineTime)
	defer stop()
	for i := range v.Files {
		f := &v.Files[i]
		if f.Role != protocol.RoleAudio || f.Variant != model.VariantShared || f.Peaks != "" {
			continue
		}
		if _, ok := made[f.SHA256]; !ok && end.Err() == nil {
			peaks, err := w.outline(ctx, *f)
			if err != nil {
				w.Log.Warn("a recording's outline could not be drawn", "whisper", f.WhisperID, "error", err)
				continue
			}
			made[f.SHA256] = peaks
		}
		f.Peaks = made[f.SHA256]
	}
	if err := w.Relay.KeepPeaks(ctx, made); err != nil && ctx.Err() == nil {
		w.Log.Warn("outlines of recordings could not be kept", "error", err)
	}
}

// outline reads a recording; one that has no outline is NoPeaks, and no error.
func (w *Web) outline(ctx context.Context, f model.File) (string, error) {
	file, err := w.Media.Open(f.SHA256)
	if err != nil {
		return "", fmt.Errorf("web: open a recording: %w", err)
	}
	defer func() { _ = file.Close() }() // read only
	peaks, err := media.Peaks(ctx, file, media.Info{Size: f.Size}, bars)
	var refused *media.Error
	if errors.As(err, &refused) {
		return model.NoPeaks, nil
	}
	if err != nil {
		return "", fmt.Errorf("web: draw a recording: %w", err)
	}
	raw := make([]byte, len(peaks))
	for i, p := range peaks {
		raw[i] = byte(p * 255)
	}
	return hex.EncodeToString(raw), nil
}

// faint is the loudness, of 255, below which an outline is not drawn any larger.
const faint = 24

// wavePath is an outline as the path of an SVG that is bars wide and
// waveHeight high: an upright line for each part, the loudest as high as it can
// be. Empty: there is none.
func wavePath(peaks string) string {
	raw, err := hex.DecodeString(peaks)
	if err != nil {
		return "" // NoPeaks
	}
	loudest := faint
	for _, p := range raw {
		loudest = max(loudest, int(p))
	}
	var b strings.Builder
	for i, p := range raw {
		half := max(1, int(p)*(waveHeight/2-1)/loudest)
		fmt.Fprintf(&b, "M%d %dv%d", i, waveHeight/2-half, 2*half)
	}
	return b.String()
}

// spoken is a recording's length, as one would write it beside it.
func spoken(d time.Duration) string {
	s := int(d.Round(time.Second).Seconds())
	switch {
	case s < 60:
		return fmt.Sprintf("%d s", max(s, 1))
	case s%60 == 0:
		return fmt.Sprintf("%d min", s/60)
	}
	return fmt.Sprintf("%d min %d s", s/60, s%60)
}
