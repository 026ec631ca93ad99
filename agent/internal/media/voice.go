package media

import (
	"math"
	"math/rand/v2"
	"strings"
	"time"
)

// voice is one simulated speaker: a pitch and the size of a mouth.
type voice struct {
	pitch float64 // Hz
	scale float64 // of the formants
}

func voiceOf(rng *rand.Rand) voice {
	return voice{pitch: 95 + 115*rng.Float64(), scale: 0.92 + 0.2*rng.Float64()}
}

// vowels by their first three formants in Hz (Peterson and Barney's means,
// rounded).
var vowels = [...][3]float64{
	{730, 1090, 2440}, {270, 2290, 3010}, {530, 1840, 2480}, {570, 840, 2410}, {300, 870, 2240}, {660, 1720, 2410},
}

// utter speaks nonsense for the given length: words of one to three syllables
// with pauses, as loud as a person at half a metre.
func utter(v voice, rng *rand.Rand, length time.Duration) Clip {
	out := make([]float64, samplesIn(length, Rate))
	for at := Rate / 20; at < len(out)-Rate/5; {
		for range 1 + rng.IntN(3) {
			n := min(Rate*(140+rng.IntN(120))/1000, len(out)-at)
			if n < Rate/20 {
				break
			}
			syllable(out[at:at+n], v, rng)
			at += n + Rate*rng.IntN(30)/1000
		}
		at += Rate * (60 + rng.IntN(140)) / 1000
	}
	return Clip{Rate: Rate, Samples: normalise(out, 0.4)}
}

// syllable adds one vowel, after a short hiss for a consonant: pulses of the
// voice through three resonances.
func syllable(out []float64, v voice, rng *rand.Rand) {
	var (
		f     = vowels[rng.IntN(len(vowels))]
		pitch = v.pitch * (0.9 + 0.25*rng.Float64())
		hiss  = min(Rate*(15+rng.IntN(40))/1000, len(out)/3)
		res   [3]resonance
		phase float64
	)
	for i := range res {
		res[i] = newResonance(f[i]*v.scale, 70+50*float64(i))
	}
	for i := range out {
		t := float64(i) / float64(len(out))
		phase += pitch * (1 - 0.15*t) / Rate
		x := 0.0
		if phase >= 1 {
			phase--
			x = 1
		}
		if i < hiss {
			x = (rng.Float64() - 0.5) * 0.5
		}
		y := res[0].step(x) + 0.6*res[1].step(x) + 0.25*res[2].step(x)
		out[i] += y * math.Sin(math.Pi*math.Pow(t, 0.6))
	}
}

type resonance struct{ a, b, c, y1, y2 float64 }

func newResonance(f, width float64) resonance {
	r := math.Exp(-math.Pi * width / Rate)
	b := 2 * r * math.Cos(2*math.Pi*f/Rate)
	return resonance{a: 1 - b + r*r, b: b, c: -r * r}
}

func (r *resonance) step(x float64) float64 {
	y := r.a*x + r.b*r.y1 + r.c*r.y2
	r.y2, r.y1 = r.y1, y
	return y
}

// normalise gives 16-bit samples whose loudest is peak (0..1).
func normalise(x []float64, peak float64) []int16 {
	top := 1e-9
	for _, v := range x {
		top = max(top, math.Abs(v))
	}
	out := make([]int16, len(x))
	for i, v := range x {
		out[i] = saturate(v / top * peak * 32767)
	}
	return out
}

// Murmur stands in for a spoken sentence where no recording of it exists, in
// the simulator and in tests: as long as the text would take to say at 150
// words a minute, with a pause after each sentence.
func Murmur(text string) Clip {
	rng := rand.New(rand.NewPCG(uint64(len(text)), 7))
	v := voice{pitch: 105, scale: 1}
	c := Clip{Rate: Rate}
	for sentence := range strings.FieldsFuncSeq(text, func(r rune) bool { return strings.ContainsRune(".?!", r) }) {
		words := len(strings.Fields(sentence))
		if words == 0 {
			continue
		}
		u := utter(v, rng, time.Duration(words)*400*time.Millisecond)
		amplify(u.Samples, -6)
		c.Samples = append(c.Samples, u.Samples...)
		c.Samples = append(c.Samples, make([]int16, samplesIn(600*time.Millisecond, Rate))...)
	}
	return c
}
