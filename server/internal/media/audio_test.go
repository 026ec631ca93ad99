package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// shared makes the copy and returns its samples.
func shared(t testing.TB, data []byte) ([]float64, Info) {
	t.Helper()
	info, err := inspectBytes(t, data, Audio)
	must(t, err)
	var out bytes.Buffer
	got, err := SharedAudio(t.Context(), bytes.NewReader(data), info, &out, Converter{})
	must(t, err)
	return samples(t, out.Bytes(), got), got
}

// samples reads a shared copy, which has to be what was said of it.
func samples(t testing.TB, wav []byte, said Info) []float64 {
	t.Helper()
	is, err := inspectBytes(t, wav, Audio)
	must(t, err)
	is.Silent = said.Silent // which only listening tells
	if said != is || is.Channels != 1 || is.Type != "audio/wav" || is.SampleRate > sharedRate {
		t.Errorf("said %+v, is %+v", said, is)
	}
	if bits := binary.LittleEndian.Uint16(wav[34:]); bits != 16 {
		t.Errorf("%d bits", bits)
	}
	var out []float64
	for b := wav[44:]; len(b) > 0; b = b[2:] {
		out = append(out, float64(int16(binary.LittleEndian.Uint16(b)))/32768)
	}
	return out
}

func rms(s []float64) float64 {
	sum := 0.0
	for _, v := range s {
		sum += v * v
	}
	return decibels(math.Sqrt(sum / float64(len(s))))
}

func peak(s []float64) float64 {
	p := 0.0
	for _, v := range s {
		p = max(p, math.Abs(v))
	}
	return decibels(p)
}

// pitch counts how often a second the sound rises through zero.
func pitch(s []float64, rate int) float64 {
	n := 0
	for i := 1; i < len(s); i++ {
		if s[i-1] < 0 && s[i] >= 0 {
			n++
		}
	}
	return float64(n) * float64(rate) / float64(len(s))
}

func about(t testing.TB, what string, got, want, by float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > by {
		t.Errorf("%s is %.3f, want %.3f ± %.3f", what, got, want, by)
	}
}

func TestSharedAudio_EveryFormatAtOneLevel(t *testing.T) {
	loud, quiet := tone(44100, 1, 0.9), tone(44100, 1, 0.02)
	for name, tt := range map[string]struct {
		data []byte
		rate int
	}{
		"wav 8 bit":      {wavOf(wavPCM, 8, 22050, tone(22050, 1, 0.5)), 22050},
		"wav stereo":     {wavOf(wavPCM, 16, 44100, loud, loud), 44100},
		"wav 24 bit":     {wavOf(wavPCM, 24, 44100, quiet), 44100},
		"wav 32 bit":     {wavOf(wavPCM, 32, 44100, loud), 44100},
		"wav float":      {wavOf(wavFloat, 32, 48000, tone(48000, 1, 0.1)), 48000},
		"wav float 64":   {wavOf(wavFloat, 64, 8000, tone(8000, 1, 0.1)), 8000},
		"wav float over": {wavOf(wavFloat, 32, 16000, tone(16000, 1, 3)), 16000},
		"wav 96 kHz":     {wavOf(wavPCM, 16, 96000, tone(96000, 1, 0.3)), 48000},
		"wav 192 kHz":    {wavOf(wavPCM, 16, 192000, tone(192000, 1, 0.3)), 48000},
		"wav 88.2 kHz":   {wavOf(wavPCM, 16, 88200, tone(88200, 1, 0.3)), 44100},
		"wav one silent": {wavOf(wavPCM, 16, 44100, loud, make([]float64, 44100)), 44100},
		"wav reversed":   {wavOf(wavPCM, 16, 44100, loud, negative(loud)), 44100},
		"wav offset":     {wavOf(wavPCM, 16, 44100, raised(quiet, 0.3)), 44100},
		"flac":           {flacOf(t, 44100, true, quiet, quiet), 44100},
		"flac unknown":   {flacOf(t, 16000, false, tone(16000, 1, 0.5)), 16000},
		"mp3":            {vector(t, "tone.mp3"), 44100},
		"mp3 22.05 kHz":  {vector(t, "tone-22050.mp3"), 22050},
		"vorbis":         {vector(t, "tone-vorbis.ogg"), 44100},
		"opus":           {vector(t, "tone-opus.ogg"), 48000},
	} {
		t.Run(name, func(t *testing.T) {
			s, info := shared(t, tt.data)
			if info.SampleRate != tt.rate {
				t.Errorf("%d Hz, want %d", info.SampleRate, tt.rate)
			}
			about(t, "duration", info.Duration.Seconds(), 1, 0.08)
			middle := s[len(s)/4 : len(s)*3/4]
			about(t, "level", rms(middle), targetLevel, 0.5)
			about(t, "pitch", pitch(middle, tt.rate), 440, 4)
			// A clean sine is 3 dB under its peak: no knocks, gaps or noise.
			about(t, "crest", peak(middle)-rms(middle), 3, 0.6)
			if p := peak(s); p > ceilingLevel+0.01 {
				t.Errorf("peak %.2f dBFS", p)
			}
		})
	}
}

func negative(s []float64) []float64 { return mapped(s, func(v float64) float64 { return -v }) }

func raised(s []float64, by float64) []float64 {
	return mapped(s, func(v float64) float64 { return v + by })
}

func mapped(s []float64, fn func(float64) float64) []float64 {
	out := make([]float64, len(s))
	for i, v := range s {
		out[i] = fn(v)
	}
	return out
}

func TestSharedAudio_PausesDoNotCountAndSilenceStaysSilent(t *testing.T) {
	speech := append(append(tone(16000, 2, 0.05), make([]float64, 16000*6)...), tone(16000, 2, 0.05)...)
	s, _ := shared(t, wavOf(wavPCM, 16, 16000, speech))
	about(t, "speech", rms(s[8000:24000]), targetLevel, 0.5)
	for _, v := range s[3*16000 : 7*16000] {
		if v != 0 {
			t.Fatalf("a pause holds %f", v)
		}
	}
	s, _ = shared(t, wavOf(wavPCM, 16, 16000, make([]float64, 16000)))
	if peak(s) > -200 {
		t.Errorf("silence became %.1f dBFS", peak(s))
	}
	// 30 dB at most: noise of an empty room is not made to roar.
	s, _ = shared(t, wavOf(wavPCM, 16, 16000, tone(16000, 1, 0.003)))
	about(t, "faint", rms(s[4000:12000]), decibels(0.003/math.Sqrt2)+maxLift, 0.5)
}

// One click at full scale must not keep the voice quiet, nor pass the ceiling.
func TestSharedAudio_AClickDoesNotHoldTheVoiceDown(t *testing.T) {
	voice := tone(16000, 4, 0.01)
	for i := range 40 {
		voice[50_000+i] = []float64{1, -1}[i&1]
	}
	s, _ := shared(t, wavOf(wavPCM, 16, 16000, voice))
	about(t, "voice", rms(s[8000:32000]), targetLevel, 0.7)
	about(t, "peak", peak(s), ceilingLevel, 0.1)
	if p := peak(s); p > ceilingLevel+0.01 {
		t.Errorf("peak %.3f dBFS", p)
	}
}

func TestLimiter_NeverPassesItsCeilingAndKeepsTime(t *testing.T) {
	l := newLimiter(8000)
	seed := uint32(1)
	in := make([]float32, 20_000)
	for i := range in {
		seed = seed*1664525 + 1013904223
		in[i] = float32(int32(seed)) / (1 << 31) * float32(1+i%7000/2000*3)
	}
	quiet := 0
	for i, v := range in {
		out := l.next(v)
		if out > l.ceiling*1.00001 || out < -l.ceiling*1.00001 {
			t.Fatalf("sample %d is %f", i, out)
		}
		if i >= l.delay {
			if was := in[i-l.delay]; out != 0 && math.Signbit(float64(out)) != math.Signbit(float64(was)) {
				t.Fatalf("sample %d is out of time", i)
			} else if out == was && was != 0 {
				quiet++
			}
		}
	}
	fresh := newLimiter(8000)
	for i := range 1000 {
		if out := fresh.next(0.5); i >= fresh.delay && out != 0.5 {
			t.Fatalf("a quiet sample was changed to %f", out)
		}
	}
}

// Above half the new rate nothing may come back as a lower tone.
func TestLowPass_TakesAwayWhatWouldAlias(t *testing.T) {
	for _, factor := range []int{2, 3, 4} {
		rate := 48000 * factor
		for _, tt := range []struct {
			hz    float64
			above float64
			below float64
		}{{1000, -0.1, 0.1}, {18000, -0.5, 0.1}, {26500, -300, -60}, {40000, -300, -60}} {
			l := newLowPass(factor)
			var out []float64
			for at := 0; at < rate; at += 1000 {
				block := make([]float32, 1000)
				for i := range block {
					block[i] = float32(math.Sin(2 * math.Pi * tt.hz * float64(at+i) / float64(rate)))
				}
				for _, v := range l.next(block) {
					out = append(out, float64(v))
				}
			}
			for _, v := range l.end() {
				out = append(out, float64(v))
			}
			if len(out) != 48000 {
				t.Errorf("%d samples", len(out))
			}
			level := rms(out[1000:47000]) - decibels(math.Sqrt(0.5))
			if !(level > tt.above && level < tt.below) {
				t.Errorf("factor %d: %.0f Hz at %.1f dB", factor, tt.hz, level)
			}
		}
	}
}

func TestPeaks(t *testing.T) {
	steps := append(append(tone(8000, 1, 0.1), tone(8000, 1, 0.5)...), tone(8000, 2, 1)...)
	data := wavOf(wavPCM, 16, 8000, steps, make([]float64, len(steps)))
	info, err := inspectBytes(t, data, Audio)
	must(t, err)
	for _, n := range []int{1, 4, 7, 1000, MaxPeaks} {
		got, err := Peaks(t.Context(), bytes.NewReader(data), info, n)
		must(t, err)
		if len(got) != n {
			t.Fatalf("%d peaks, want %d", len(got), n)
		}
		if n == 4 {
			for i, want := range []float64{0.1, 0.5, 1, 1} {
				about(t, "peak", float64(got[i]), want, 0.01)
			}
		}
	}
	for _, n := range []int{0, -1, MaxPeaks + 1} {
		if _, err := Peaks(t.Context(), bytes.NewReader(data), info, n); err == nil {
			t.Errorf("%d peaks were made", n)
		}
	}
	// One hundredth of a second more than headers allow, or less than n.
	short, err := Peaks(t.Context(), bytes.NewReader(vector(t, "tone-opus.ogg")), Info{Size: int64(len(vector(t, "tone-opus.ogg")))}, 50)
	must(t, err)
	for i, v := range short {
		about(t, "opus peak "+strconv.Itoa(i), float64(v), 0.5, 0.06)
	}
}

func TestSharedAudio_Damaged(t *testing.T) {
	flac := flacOf(t, 8000, true, tone(8000, 2, 0.5))
	vorbis, opus := vector(t, "tone-vorbis.ogg"), vector(t, "tone-opus.ogg")
	flipped := bytes.Clone(opus)
	flipped[len(flipped)/2] ^= 1
	for name, data := range map[string][]byte{
		"flac cut": flac[:len(flac)*2/3], "vorbis cut": vorbis[:len(vorbis)-100], "opus cut": opus[:len(opus)-100],
		"opus flipped bit": flipped,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := SharedAudio(t.Context(), bytes.NewReader(data), Info{Size: int64(len(data))}, io.Discard, Converter{})
			wantCode(t, err, DamagedFile)
		})
	}
}

// What the header says is short, but the sound goes on for hours.
func TestEach_EndsAtTheLimitWhateverTheHeaderSays(t *testing.T) {
	tr := track{format: format{rate: 8000, channels: 1}, open: func() (decoder, error) { return endless{}, nil }}
	err := work(t.Context(), nil, 0, func(f *file) error {
		return tr.each(f, func([]float32) error { return nil })
	})
	wantCode(t, err, TooLong)
}

type endless struct{}

func (endless) next() ([]float32, error) { return make([]float32, 8000), nil }

// Set-up packets with which the Vorbis library reserves gigabytes or spins.
func TestVorbis_HostileSetupIsRefusedBeforeTheLibrarySeesIt(t *testing.T) {
	head := append([]byte("\x01vorbis\x00\x00\x00\x00\x01"), 0x40, 0x1f, 0, 0)
	head = append(head, make([]byte, 12)...)
	head = append(head, 0xb8, 1)
	book := func(dimensions, entries uint32, rest ...byte) []byte {
		b := append([]byte("\x05vorbis\x00BCV"), byte(dimensions), byte(dimensions>>8))
		return append(append(b, byte(entries), byte(entries>>8), byte(entries>>16)), rest...)
	}
	tests := map[string][]byte{
		"no entries (8 GB)":             book(1, 0, make([]byte, 64)...),
		"too many entries":              book(1, 1<<24-1, make([]byte, 64)...),
		"too many values":               book(65535, 32000, make([]byte, 64)...),
		"no dimensions (endless)":       book(0, 8, make([]byte, 64)...),
		"ordered, cut short (endless)":  book(1, 100, 1),
		"sparse, none used (endless)":   book(1, 16, append([]byte{2}, make([]byte, 64)...)...),
		"no codebook":                   []byte("\x05vorbis\x00XYZ" + strings.Repeat("\x00", 64)),
		"nothing":                       []byte("\x05vorbis"),
		"a comment where set-up belong": []byte("\x03vorbis\x00\x00\x00\x00\x00\x00\x00\x00"),
	}
	for name, setup := range tests {
		t.Run(name, func(t *testing.T) {
			var data []byte
			data = append(data, page(2, 0, 7, 0, head)...)
			// A comment header that claims 2^32-1 comments: 64 GB when believed.
			data = append(data, page(0, 0, 7, 1, []byte("\x03vorbis\x00\x00\x00\x00\xff\xff\xff\xff"), setup)...)
			data = append(data, page(4, 8000, 7, 2, []byte{0, 0, 0})...)
			_, err := SharedAudio(t.Context(), bytes.NewReader(data), Info{Size: int64(len(data))}, io.Discard, Converter{})
			wantCode(t, err, DamagedFile)
		})
	}
	if err := checkVorbisSetup(vorbisSetup(t)); err != nil {
		t.Errorf("a real set-up is refused: %v", err)
	}
}

func vorbisSetup(t testing.TB) []byte {
	t.Helper()
	b := vector(t, "tone-vorbis.ogg")
	o := newOggReader(&file{ctx: t.Context(), r: bytes.NewReader(b), size: int64(len(b))})
	for range 2 {
		_, _, err := o.next()
		must(t, err)
	}
	p, _, err := o.next()
	must(t, err)
	return p
}

func TestOgg_LongCommentsAndManyEmptyPages(t *testing.T) {
	b := vector(t, "tone-opus.ogg")
	o := newOggReader(&file{ctx: t.Context(), r: bytes.NewReader(b), size: int64(len(b))})
	head, _, err := o.next()
	must(t, err)
	head = bytes.Clone(head)
	var data []byte
	data = append(data, page(2, 0, o.serial, 0, head)...)
	// A cover picture of 10 MB in the comments, laid over many pages.
	full := page(0, noGranule, o.serial, 1, bytes.Repeat([]byte{1}, 255*254))
	full[26]--                                     // leave the packet open
	full = append(full[:27+254], full[27+255:]...) // without its ending segment
	clear(full[22:26])
	binary.LittleEndian.PutUint32(full[22:], oggCRC(full))
	for range 160 {
		data = append(data, full...)
	}
	data = append(data, page(1, 0, o.serial, 2, []byte("end"))...)
	for range 100_000 {
		data = append(data, page(0, noGranule, o.serial, 3)...)
	}
	_, _, err = o.next() // the true comments
	must(t, err)
	seq := uint32(4)
	for {
		p, _, err := o.next()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		data = append(data, page(0, 48000, o.serial, seq, p)...)
		seq++
	}
	s, _ := shared(t, data)
	about(t, "pitch", pitch(s[10000:40000], 48000), 440, 4)
}

func TestSharedAudio_SameBytesAgain(t *testing.T) {
	for _, name := range []string{"tone.mp3", "tone-opus.ogg", "tone-vorbis.ogg"} {
		var a, b bytes.Buffer
		data := vector(t, name)
		for _, w := range []*bytes.Buffer{&a, &b} {
			_, err := SharedAudio(t.Context(), bytes.NewReader(data), Info{Size: int64(len(data))}, w, Converter{})
			must(t, err)
		}
		if !bytes.Equal(a.Bytes(), b.Bytes()) {
			t.Errorf("%s: two runs differ", name)
		}
	}
}

// Another program has to agree that the copy is what it says it is.
func TestSharedAudio_AsSeenBySox(t *testing.T) {
	tool, err := exec.LookPath("sox")
	if err != nil {
		t.Skip("sox is not installed; the samples are checked by the tests above")
	}
	data := wavOf(wavPCM, 24, 96000, tone(96000, 2, 0.1), tone(96000, 2, 0.2))
	var out bytes.Buffer
	_, err = SharedAudio(t.Context(), bytes.NewReader(data), Info{Size: int64(len(data))}, &out, Converter{})
	must(t, err)
	name := filepath.Join(t.TempDir(), "shared.wav")
	must(t, os.WriteFile(name, out.Bytes(), 0o600))
	text, err := exec.CommandContext(t.Context(), tool, "--info", name).CombinedOutput()
	must(t, err)
	for _, want := range []string{"Channels       : 1", "Sample Rate    : 48000", "Precision      : 16-bit", "96000 samples"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("sox does not say %q:\n%s", want, text)
		}
	}
	text, err = exec.CommandContext(t.Context(), tool, name, "-n", "stats").CombinedOutput()
	must(t, err)
	for line := range strings.Lines(string(text)) {
		if db, ok := strings.CutPrefix(line, "RMS lev dB"); ok {
			got, err := strconv.ParseFloat(strings.Fields(db)[0], 64)
			must(t, err)
			about(t, "RMS by sox", got, targetLevel, 0.3)
			return
		}
	}
	t.Errorf("sox says nothing of the level:\n%s", text)
}

func TestSharedAudio_SaysSilent(t *testing.T) {
	knock := make([]float64, 80_000)
	copy(knock[4000:], tone(8000, 0.05, 0.5))
	for name, tc := range map[string]struct {
		sound  []float64
		silent bool
	}{
		"zeros":             {make([]float64, 8000), true},
		"under the speech":  {tone(8000, 1, 0.001), true}, // -63 dBFS
		"one knock":         {knock, true},
		"a whisper":         {tone(8000, 1, 0.003), false}, // -53 dBFS
		"a word in silence": {append(make([]float64, 80_000), tone(8000, 0.5, 0.1)...), false},
	} {
		if _, got := shared(t, wavOf(wavPCM, 16, 8000, tc.sound)); got.Silent != tc.silent {
			t.Errorf("%s: silent is %v", name, got.Silent)
		}
	}
	if _, got := shared(t, wavOf(wavPCM, 16, 8000, make([]float64, 8000), tone(8000, 1, 0.1))); got.Silent {
		t.Error("one channel speaks, and the recording counts as silent")
	}
}
