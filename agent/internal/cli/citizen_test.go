package cli

import (
	"testing"
	"testing/synctest"
	"time"

	"illumi/agent/internal/flow"
	"illumi/agent/internal/media"
	"illumi/agent/internal/panel"
)

func TestSight_Answer(t *testing.T) {
	words := func(p flow.Prompt) string { return flow.Prompts[p] }
	for _, c := range []struct {
		name  string
		s     sight
		press bool
	}{
		{"dark", sight{light: flow.LightOff}, false},
		{"a new whisper", sight{light: flow.LightBreathe}, true},
		{"heard, not answered", sight{light: flow.LightBreatheS, prompt: words(flow.SayInvite)}, true},
		{"it speaks", sight{light: flow.LightHalf, prompt: words(flow.SayHereIs)}, false},
		{"invited", sight{light: flow.LightFull, prompt: words(flow.SayInvite)}, true},
		{"speak after the tone", sight{light: flow.LightFull, prompt: words(flow.SayRecReady)}, false},
		{"recorded", sight{light: flow.LightVoice, red: true, prompt: words(flow.SayRecReady)}, false},
		{"counted down", sight{light: flow.LightDone, red: true, prompt: words(flow.SayPhotoCount)}, false},
		{"not heard", sight{light: flow.LightFull, prompt: words(flow.SayEmpty1)}, true},
		{"never heard", sight{light: flow.LightFull, prompt: words(flow.SayEmpty2)}, false},
		{"a photo?", sight{light: flow.LightFull, prompt: words(flow.SayPhotoAsk)}, true},
		{"send it?", sight{light: flow.LightFull, prompt: words(flow.SayReviewConfirm)}, true},
		{"again?", sight{light: flow.LightFull, prompt: words(flow.SayReviewGrace)}, false},
		{"sending", sight{light: flow.LightBusy, prompt: words(flow.SaySending)}, false},
		{"sent", sight{light: flow.LightDone, prompt: words(flow.SaySent)}, false},
		{"saved", sight{light: flow.LightSaved, prompt: words(flow.SayQueued)}, false},
	} {
		c.s.table = 1
		if _, press := c.s.answer(); press != c.press {
			t.Errorf("%s: presses %t", c.name, press)
		}
	}
}

// Which button goes on is seen and heard, however many the box has or uses.
func TestSight_Button(t *testing.T) {
	one, two, three := [3]bool{true}, [3]bool{true, true}, [3]bool{true, true, true}
	for _, c := range []struct {
		name    string
		buttons int
		prompt  flow.Prompt
		light   flow.Pattern
		lit     [3]bool
		want    flow.Button
	}{
		{"GO plays", 2, "", flow.LightBreathe, two, flow.Main},
		{"GO answers", 2, flow.Say2Invite, flow.LightFull, two, flow.Main},
		{"GO photographs", 2, flow.Say2Photo, flow.LightFull, two, flow.Main},
		{"GO tries again", 2, flow.SayEmpty1, flow.LightFull, two, flow.Main},
		{"GO sends", 2, flow.Say2Review, flow.LightFull, two, flow.Main},
		{"LISTEN plays", 3, "", flow.LightBreathe, one, flow.Main},
		{"SPEAK answers later", 3, "", flow.LightBreatheS, two, flow.Second},
		{"SPEAK answers", 3, flow.Say3Invite, flow.LightFull, two, flow.Second},
		{"SPEAK photographs", 3, flow.Say3Photo, flow.LightFull, [3]bool{false, true, true}, flow.Second},
		{"SPEAK tries again", 3, flow.SayEmpty1, flow.LightFull, two, flow.Second},
		{"SPEAK ends", 3, flow.Say3Rec, flow.LightVoice, [3]bool{false, true}, flow.Second},
		{"SEND sends", 3, flow.Say3Review, flow.LightFull, three, flow.Third},
		{"SEND sends what waited", 3, "", flow.LightBreatheS, three, flow.Third},
		{"set to use two", 3, flow.Say2Invite, flow.LightFull, two, flow.Main},
		{"set to use one", 3, flow.SayInvite, flow.LightFull, one, flow.Main},
	} {
		p := newCitizen(media.Pace{Speed: 1}, c.buttons)
		p.Show(flow.Lamps{Main: c.light, Lit: c.lit}, 0)
		p.Update(panel.View{Prompt: flow.Prompts[c.prompt]})
		s, _ := p.now()
		if _, press := s.answer(); !press && c.light != flow.LightVoice || s.button() != c.want {
			t.Errorf("%s: presses %t, button %d", c.name, press, s.button())
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A person presses when the light breathes, presses again where nothing
// happens, and not once it has.
func TestCitizen_PressesUntilNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCitizen(media.Pace{Speed: 1}, 1)
		began := time.Now()
		press := func() time.Duration {
			if in := <-c.Inputs(); !in.Down {
				t.Error("let go before pressing")
			}
			at := time.Since(began)
			if in := <-c.Inputs(); in.Down {
				t.Error("pressed twice")
			}
			return at
		}
		c.Show(flow.Lamps{Main: flow.LightBreathe}, 0)
		first := press()
		if first < time.Second || first > 4*time.Second {
			t.Errorf("pressed after %v", first)
		}
		if again := press() - first; again < impatience {
			t.Errorf("again after %v", again)
		}
		c.Show(flow.Lamps{Main: flow.LightHalf}, 0)
		select {
		case <-c.Inputs():
			t.Error("pressed while the box speaks")
		case <-time.After(time.Minute):
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestCitizen_PressesWhenAllIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCitizen(media.Pace{Speed: 1}, 1)
		said := make(chan struct{})
		c.mu.Lock()
		c.said = said
		c.mu.Unlock()
		c.Recording(true)
		c.Show(flow.Lamps{Main: flow.LightVoice}, 0.5)
		c.Update(panel.View{Prompt: flow.Prompts[flow.SayRecReady]})
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := len(c.inputs); n > 0 {
			t.Fatalf("pressed %d times before all was said", n)
		}
		close(said)
		if in := <-c.Inputs(); !in.Down {
			t.Error("did not press")
		}
		<-c.Inputs()
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}
