package media

import (
	"testing"
	"time"
)

func join(clips ...Clip) Clip {
	out := Clip{Rate: Rate}
	for _, c := range clips {
		out.Samples = append(out.Samples, c.Samples...)
	}
	return out
}

func over(a, b Clip) Clip {
	out := Clip{Rate: Rate, Samples: append([]int16(nil), a.Samples...)}
	for i := range min(len(a.Samples), len(b.Samples)) {
		out.Samples[i] = saturate(float64(a.Samples[i]) + float64(b.Samples[i]))
	}
	return out
}

func quieter(c Clip, db float64) Clip {
	c.Samples = append([]int16(nil), c.Samples...)
	amplify(c.Samples, -db)
	return c
}

func TestCheckSpeech_OnSounds(t *testing.T) {
	talk := Babble("janeeyre", 1)
	room := hiss(4*time.Second, -70)
	offset := quieter(room, 0)
	for i := range offset.Samples {
		offset.Samples[i] += 3000
	}
	for _, c := range []struct {
		name  string
		sound Clip
		want  Speech
	}{
		{"talk", talk, SpeechHeard},
		{"talk in a room", over(room, talk), SpeechHeard},
		{"low talk", over(room, quieter(talk, 22)), SpeechHeard},
		{"talk beside a fan", over(hiss(4*time.Second, -45), talk), SpeechHeard},
		{"long vowel without a pause", sine(180, Rate, 3*time.Second, -15), SpeechHeard},
		{"zeros", Clip{Rate: Rate, Samples: make([]int16, 3*Rate)}, SpeechFaint},
		{"empty room", room, SpeechFaint},
		{"empty room, microphone with an offset", offset, SpeechFaint},
		{"fan alone", hiss(4*time.Second, -42), SpeechAbsent},
		{"one click", join(room, sine(900, Rate, 30*ms, -3), room), SpeechAbsent},
		{"a cough", join(room, hiss(300*ms, -12), room), SpeechAbsent},
		{"talk cut after a second", Clip{Rate: Rate, Samples: talk.Samples[:Rate]}, SpeechShort},
	} {
		m := measured(c.sound)
		if got := CheckSpeech(c.sound.Duration(), m.voiced(), m.peak); got != c.want {
			t.Errorf("%s: %q, want %q (voiced %v, peak %.1f dBFS)", c.name, got, c.want, m.voiced(), m.peak)
		}
	}
}

func TestCheckSpeech_Limits(t *testing.T) {
	for _, c := range []struct {
		length, voiced time.Duration
		peak           float64
		want           Speech
	}{
		{MinLength, MinVoiced, MinPeak, SpeechHeard},
		{MinLength - 1, MinVoiced, MinPeak, SpeechShort},
		{MinLength, MinVoiced - 1, MinPeak, SpeechAbsent},
		{MinLength, MinVoiced, MinPeak - 0.01, SpeechFaint},
	} {
		if got := CheckSpeech(c.length, c.voiced, c.peak); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

func TestBabble_SameNameSameVoice(t *testing.T) {
	names := []string{"conandoyle", "janeeyre", "beargrylls", "Renée Müller", ""}
	for _, n := range names {
		for turn := range uint64(3) {
			c := Babble(n, turn)
			m := measured(c)
			if s := CheckSpeech(c.Duration(), m.voiced(), m.peak); s != SpeechHeard || c.Duration() < 2*time.Second || c.Duration() > 4*time.Second {
				t.Errorf("%q turn %d: %q after %v (voiced %v)", n, turn, s, c.Duration(), m.voiced())
			}
			if again := Babble(n, turn); string(EncodeWAV(again)) != string(EncodeWAV(c)) {
				t.Errorf("%q turn %d differs from itself", n, turn)
			}
		}
	}
	if string(EncodeWAV(Babble("a", 1))) == string(EncodeWAV(Babble("a", 2))) {
		t.Error("two turns sound the same")
	}
}

func TestMeter_DeadMicrophone(t *testing.T) {
	m, dead := newMeter(Rate), false
	m.add(make([]int16, Rate), func(l Level) { dead = dead || l.Dead })
	if dead {
		t.Error("one second of zeros is not yet over a second")
	}
	m.add(make([]int16, Rate/10), func(l Level) { dead = dead || l.Dead })
	if !dead || !m.dead {
		t.Error("zeros were taken for a quiet person")
	}
	m.tone()
	if m.dead {
		t.Error("what came before the tone counts")
	}
}
