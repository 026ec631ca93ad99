package world

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"os"
)

// DrawPicture writes a drawn evening landscape as a JPEG, for a whisper that
// was given no picture.
func DrawPicture(path string) error {
	const w, h = 960, 640
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	mix := func(a, b color.RGBA, t float64) color.RGBA {
		f := func(x, y uint8) uint8 { return uint8(float64(x) + (float64(y)-float64(x))*t) }
		return color.RGBA{f(a.R, b.R), f(a.G, b.G), f(a.B, b.B), 255}
	}
	for y := range h {
		for x := range w {
			c := mix(color.RGBA{43, 50, 94, 255}, color.RGBA{250, 190, 130, 255}, math.Pow(float64(y)/420, 1.6))
			if y > 420 {
				c = mix(color.RGBA{214, 140, 110, 255}, color.RGBA{30, 46, 84, 255}, math.Min(1, float64(y-420)/150))
				// The sun's track on the water.
				if d := math.Abs(float64(x-640)) / (20 + float64(y-420)*0.5); d < 1 && (y/6)%3 != 0 {
					c = mix(c, color.RGBA{255, 226, 170, 255}, 0.7*(1-d))
				}
			}
			if d := math.Hypot(float64(x-640), float64(y-400)); y <= 420 && d < 60 {
				c = color.RGBA{255, 236, 190, 255}
			} else if y <= 420 && d < 150 {
				c = mix(c, color.RGBA{255, 226, 170, 255}, 0.5*(150-d)/90)
			}
			hill := 330 + 60*math.Sin(float64(x)/140) + 22*math.Sin(float64(x)/37)
			if y <= 420 && float64(y) > hill && x < 470+(y-330) {
				c = mix(color.RGBA{58, 64, 98, 255}, color.RGBA{30, 36, 60, 255}, float64(y-270)/150)
			}
			img.SetRGBA(x, y, c)
		}
	}
	return writeFile(path, func(out *bufio.Writer) error { return jpeg.Encode(out, img, &jpeg.Options{Quality: 88}) })
}

// syllables are vowels by their first two formants in Hz, with a pitch and a
// length, so that the sound has the melody of a sentence.
var syllables = []struct{ f1, f2, pitch, seconds float64 }{
	{700, 1200, 130, .22}, {300, 2300, 142, .16}, {450, 900, 150, .24}, {0, 0, 0, .10},
	{550, 1900, 138, .18}, {320, 800, 128, .20}, {700, 1200, 122, .26}, {0, 0, 0, .22},
	{300, 2300, 146, .20}, {650, 1100, 140, .18}, {420, 2000, 128, .20}, {320, 800, 116, .22}, {700, 1200, 104, .34},
}

// SpeakSound writes about three seconds of a speech-like sound as a WAV, for a
// whisper that was given no recording.
func SpeakSound(path string) error {
	const rate = 44100
	var samples []int16
	phase := 0.0
	for _, s := range syllables {
		n := int(s.seconds * rate)
		for i := range n {
			v := 0.0
			if s.pitch > 0 {
				phase += s.pitch / rate
				// Harmonics of the voice, each as loud as the two formants let it be.
				for k := 1; k <= 24; k++ {
					f := float64(k) * s.pitch
					a, b := (f-s.f1)/130, (f-s.f2)/180
					gain := math.Exp(-a*a) + .5*math.Exp(-b*b) + .04/float64(k)
					v += gain * math.Sin(2*math.Pi*phase*float64(k))
				}
				v *= math.Sin(math.Pi * float64(i) / float64(n)) // each syllable swells and fades
			}
			samples = append(samples, int16(6000*math.Tanh(v/2)))
		}
	}
	return WriteWAV(path, 1, rate, samples)
}

// WriteWAV writes 16-bit samples, interleaved where there are several channels.
func WriteWAV(path string, channels, rate int, samples []int16) error {
	return writeFile(path, func(out *bufio.Writer) error {
		size := uint32(2 * len(samples)) //nolint:gosec // seconds, not hours
		head := []any{
			[]byte("RIFF"), 36 + size, []byte("WAVEfmt "), uint32(16), uint16(1), uint16(channels), uint32(rate), //nolint:gosec // small
			uint32(rate * channels * 2), uint16(channels * 2), uint16(16), []byte("data"), size, samples, //nolint:gosec // small
		}
		for _, part := range head {
			if err := binary.Write(out, binary.LittleEndian, part); err != nil {
				return err
			}
		}
		return nil
	})
}

func writeFile(path string, write func(*bufio.Writer) error) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("make %s: %w", path, err)
	}
	out := bufio.NewWriter(f)
	err = write(out)
	if err = errors.Join(err, out.Flush(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
