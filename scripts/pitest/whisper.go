package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg" // what the box photographs
	"math"
	"os"
	"os/exec"
	"time"

	"illumi/scripts/e2e/world"
)

// speak writes a voice-like sound of so many seconds at 48 kHz.
func speak(path string, seconds float64) error {
	const rate = 48000
	samples := make([]int16, int(seconds*rate))
	for i := range samples {
		t := float64(i) / rate
		voice := math.Sin(2*math.Pi*140*t) + 0.7*math.Sin(2*math.Pi*420*t) + 0.4*math.Sin(2*math.Pi*1250*t)
		syllable := 0.55 + 0.45*math.Sin(2*math.Pi*3.1*t)
		samples[i] = int16(7000 * voice * syllable / 2.1)
	}
	return world.WriteWAV(path, 1, rate, samples)
}

// start puts a whisper on its way and returns its id.
func (r *rig) start(ctx context.Context, title string, boxes ...string) (string, error) {
	list, err := r.w.Devices(ctx)
	if err != nil {
		return "", err
	}
	var ids []string
	for _, name := range boxes {
		d, ok := list[name]
		if !ok {
			return "", fmt.Errorf("there is no box %q", name)
		}
		ids = append(ids, d.ID)
	}
	s := world.Start{Title: title, Boxes: ids}
	if s.Audio, err = r.r.Upload(ctx, world.Upload{Path: r.file("seed.wav"), Role: "audio"}); err != nil {
		return "", err
	}
	if s.Image, err = r.r.Upload(ctx, world.Upload{Path: r.file("face.jpg"), Role: "image"}); err != nil {
		return "", err
	}
	id, err := r.r.Start(ctx, r.project, s)
	if err == nil {
		r.started = append(r.started, id)
	}
	return id, err
}

// whisper goes round a chain of the Pi and a neighbour, and is looked at there.
func whisper(ctx context.Context, r *rig) error {
	neighbour, err := r.w.EnrolBox(ctx, "Neighbour")
	if err != nil {
		return err
	}
	defer func() { _ = neighbour.Close() }() // the world ends with the test
	if _, err := r.vm.until(ctx, 12*time.Minute, "IDLE"); err != nil {
		return err
	}
	id, err := r.start(ctx, "Harbour", boxName, "Neighbour")
	if err != nil {
		return err
	}
	var lamps []error
	seen := func(l look) error {
		// The red light may only be asked where the state lasts for the question.
		if want := l.phase == "RECORDING"; l.red != want {
			lamps = append(lamps, fmt.Errorf("in %s the red light is %v", l.phase, l.red))
		}
		return nil
	}
	for done := 0; done < 2; done++ {
		mine, err := r.turn(ctx, neighbour)
		if err != nil {
			return err
		}
		if !mine {
			continue
		}
		if err := r.breathes(ctx); err != nil {
			return err
		}
		if err := r.answer(ctx, "answer.wav", seen); err != nil {
			return err
		}
		if err := r.send(ctx); err != nil {
			return err
		}
		if err := errors.Join(lamps...); err != nil {
			return err
		}
	}
	return r.arrived(ctx, id)
}

// turn waits for the next turn; the neighbour's is answered here.
func (r *rig) turn(ctx context.Context, neighbour *world.Box) (mine bool, err error) {
	for range 300 {
		page, err := neighbour.Offers(ctx, "")
		if err != nil {
			return false, err
		}
		for _, o := range page.Offers {
			if o.State == "open" {
				_, err := neighbour.Answer(ctx, o, r.file("name.wav"))
				return false, err
			}
		}
		s, err := r.vm.status(ctx)
		if err != nil {
			return false, err
		}
		if s.Waiting > 0 {
			return true, nil
		}
		if err := pause(ctx, time.Second); err != nil {
			return false, err
		}
	}
	return false, errors.New("nobody got the next turn within five minutes")
}

// breathes looks at the main light for two of its breaths.
func (r *rig) breathes(ctx context.Context) error {
	if _, err := r.vm.until(ctx, time.Minute, "NEW", "NEW_QUIET"); err != nil {
		return err
	}
	on, off := 0, 0
	for range 24 {
		lit, err := r.vm.lit(ctx, pinLight)
		if err != nil {
			return err
		}
		if lit {
			on++
		} else {
			off++
		}
		if err := pause(ctx, 150*time.Millisecond); err != nil {
			return err
		}
	}
	if on == 0 || off == 0 {
		return fmt.Errorf("the light of a new whisper does not breathe: %d times on, %d times off", on, off)
	}
	return nil
}

// send sends the answer and waits for the thanks.
func (r *rig) send(ctx context.Context) error {
	if err := r.pressUntil(ctx, "SENDING", "SENT", "QUEUED"); err != nil {
		return err
	}
	_, err := r.vm.until(ctx, 2*time.Minute, "SENT")
	return err
}

// arrived holds what the server has against what was said and shown.
func (r *rig) arrived(ctx context.Context, id string) error {
	var w world.Whisper
	for range 60 {
		var err error
		if w, _, err = r.r.Whisper(ctx, id); err != nil {
			return err
		}
		if w.State == "complete" {
			break
		}
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
	}
	if err := w.Check(); err != nil {
		return err
	}
	for _, h := range w.Hops {
		if h.Device == boxName {
			return r.right(ctx, id, h.Files)
		}
	}
	return errors.New("the Pi is not in the whisper's record")
}

// right looks into one answer.
func (r *rig) right(ctx context.Context, id string, files []world.File) error {
	sound, ok := world.Find(files, "audio", "original")
	if !ok || sound.Type != "audio/flac" {
		return fmt.Errorf("the answer's recording is %q, want audio/flac", sound.Type)
	}
	if err := r.r.Save(ctx, id, sound, r.file("answer.flac")); err != nil {
		return err
	}
	seconds, rms, err := measure(ctx, r.file("answer.flac"))
	if err != nil {
		return err
	}
	if seconds < 3.5 || seconds > 60 || rms < -45 {
		return fmt.Errorf("the answer has %.1f s at %.0f dBFS; 4 s were said", seconds, rms)
	}
	photo, ok := world.Find(files, "image", "original")
	if !ok {
		return errors.New("the answer has no photo")
	}
	if err := r.r.Save(ctx, id, photo, r.file("answer.jpg")); err != nil {
		return err
	}
	return alike(r.file("answer.jpg"), r.file("face.jpg"))
}

// measure gives the length of a sound and the level of its louder half.
func measure(ctx context.Context, path string) (seconds, rms float64, err error) {
	out, err := exec.CommandContext(ctx, "ffmpeg", "-v", "error", "-i", path, "-f", "s16le", "-ac", "1", "-ar", "16000", "-").Output()
	if err != nil {
		return 0, 0, fmt.Errorf("decode %s: %w", path, err)
	}
	var sum float64
	for i := 0; i+1 < len(out); i += 2 {
		v := float64(int16(binary.LittleEndian.Uint16(out[i:])))
		sum += v * v
	}
	n := float64(len(out) / 2)
	return n / 16000, 20 * math.Log10(math.Sqrt(sum/max(n, 1))/32768+1e-9), nil
}

// alike compares the colours of two pictures, coarsely: one went through a camera.
func alike(a, b string) error {
	var means [2][3]float64
	for i, name := range []string{a, b} {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		img, _, err := image.Decode(f)
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
		n := 0.0
		for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y += 7 {
			for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x += 7 {
				r, g, b, _ := img.At(x, y).RGBA()
				means[i][0] += float64(r >> 8)
				means[i][1] += float64(g >> 8)
				means[i][2] += float64(b >> 8)
				n++
			}
		}
		for c := range means[i] {
			means[i][c] /= n
		}
	}
	for c := range 3 {
		if d := math.Abs(means[0][c] - means[1][c]); d > 25 {
			return fmt.Errorf("the photo's colours %v are not those of what was before the camera, %v", means[0], means[1])
		}
	}
	return nil
}
