package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"illumi/scripts/e2e/world"
)

const boxName = "Box 07"

// boxYAML names the emulated machine's parts, as an administrator would.
const boxYAML = `microphone: Mic
speaker: Speaker
camera: "usb:illumi"
screen: auto
`

// install puts the package on a system that never saw it.
func install(ctx context.Context, r *rig) error {
	if _, err := r.vm.do(ctx, "push", r.deb, "/root/illumi-agent.deb"); err != nil {
		return err
	}
	out, err := r.vm.run(ctx, "dpkg -P illumi-agent >/dev/null 2>&1; systemctl reset-failed illumi-agent 2>/dev/null; dpkg -i /root/illumi-agent.deb 2>&1; dpkg -s illumi-agent | grep '^Status'; systemctl is-active illumi-agent; systemctl is-failed illumi-agent; true")
	if err != nil {
		return err
	}
	if !strings.Contains(out, "install ok installed") || strings.Contains(out, "\nfailed") {
		return fmt.Errorf("the package is not well installed:\n%s", out)
	}
	yaml := filepath.Join(r.dir, "box.yaml")
	if err := os.WriteFile(yaml, []byte(strings.Replace(boxYAML, "usb:illumi", "usb:"+r.camera, 1)), 0o644); err != nil {
		return err
	}
	_, err = r.vm.do(ctx, "push", yaml, "/etc/illumi/box.yaml")
	return err
}

// enrol types the one command, and is the installer at the button meanwhile.
func enrol(ctx context.Context, r *rig) error {
	if err := r.prepare(ctx); err != nil {
		return err
	}
	// What cannot be meant is refused in words, with its own exit code.
	for _, c := range []struct{ args, code, words string }{
		{"http://pi-host:9 ABCDE-FGHJK --plain", "5", "Nothing listens|does not answer|No way|could not be asked"},
		{"http://pi-host:8080 ABCDE-FGHJK --plain", "4", "(?i)code"},
		{"http://no-such-host.invalid ABCDE-FGHJK --plain", "5", "no host|looked up"},
	} {
		out, err := r.vm.run(ctx, "illumi-agent enroll "+c.args+" 2>&1; echo code $?; test -e /etc/illumi/agent.yaml && echo WRITTEN; true")
		if err != nil {
			return err
		}
		if !strings.Contains(out, "code "+c.code) || !regexp.MustCompile(c.words).MatchString(out) || strings.Contains(out, "WRITTEN") {
			return fmt.Errorf("enroll %s ended with:\n%s", c.args, out)
		}
	}
	code, err := r.w.Code(ctx, boxName)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 12*time.Minute)
	defer cancel()
	type result struct {
		out string
		err error
	}
	done := make(chan result, 1)
	go func() {
		out, err := r.vm.run(ctx, "illumi-agent enroll http://pi-host:8080 "+code+" --plain 2>&1; echo code $?")
		done <- result{out, err}
	}()
	// Somebody presses whenever asked, and says their name all the while.
	speech := time.NewTicker(time.Second)
	defer speech.Stop()
	for {
		select {
		case got := <-done:
			if got.err != nil {
				return got.err
			}
			fmt.Print(indent(got.out))
			return enrolled(got.out)
		case <-speech.C:
			if _, err := r.vm.do(ctx, "say", r.file("name.wav")); err != nil && ctx.Err() == nil {
				return err
			}
			if err := r.vm.press(ctx); err != nil && ctx.Err() == nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func enrolled(out string) error {
	for _, want := range []string{"Written", "Service      started", "Practice", "code 0"} {
		if !strings.Contains(out, want) {
			return fmt.Errorf("enroll did not say %q:\n%s", want, out)
		}
	}
	for _, part := range []string{"lights", "loudspeaker", "microphone", "recording light", "camera", "server", "clock", "disk"} {
		if !regexp.MustCompile(`(?m)^ok +` + part + ` `).MatchString(out) {
			return fmt.Errorf("the self-test found %s not well:\n%s", part, out)
		}
	}
	return nil
}

func indent(s string) string {
	return "    " + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n    ") + "\n"
}

func (r *rig) file(name string) string { return filepath.Join(r.dir, name) }

// prepare makes what is said and shown, and puts a face before the camera.
func (r *rig) prepare(ctx context.Context) error {
	if err := world.SpeakSound(r.file("seed.wav")); err != nil {
		return err
	}
	if err := speak(r.file("name.wav"), 2); err != nil {
		return err
	}
	if err := speak(r.file("answer.wav"), 4); err != nil {
		return err
	}
	if err := world.DrawPicture(r.file("face.jpg")); err != nil {
		return err
	}
	_, err := r.vm.do(ctx, "show", r.file("face.jpg"), "640x480")
	return err
}

// react does what somebody does who follows the box's light and words.
func (r *rig) react(ctx context.Context, phase string) error {
	switch phase {
	case "NEW", "NEW_QUIET", "HEARD", "INVITE", "EMPTY", "PHOTO_ASK", "DRAFT":
		return r.vm.press(ctx)
	case "RECORDING":
		_, err := r.vm.do(ctx, "say", r.file("name.wav"))
		return errors.Join(err, r.vm.press(ctx))
	}
	return nil
}

// practise does the practice whisper to its end. The installer's last press may
// have begun it.
func practise(ctx context.Context, r *rig) error {
	sent := false
	for end := time.Now().Add(5 * time.Minute); ; {
		s, err := r.vm.status(ctx)
		if err != nil {
			return err
		}
		if sent = sent || s.Phase == "SENT"; sent && s.Phase == "IDLE" {
			break
		}
		if time.Now().After(end) {
			return fmt.Errorf("after five minutes of practice the box is in %s; sent: %v", s.Phase, sent)
		}
		if err := errors.Join(r.react(ctx, s.Phase), pause(ctx, 300*time.Millisecond)); err != nil {
			return err
		}
	}
	out, err := r.vm.run(ctx, "ls "+stateDir+"/outbox "+stateDir+"/sent; find "+stateDir+"/takes -type f")
	if err != nil {
		return err
	}
	if s := strings.Fields(strings.NewReplacer(stateDir+"/outbox:", "", stateDir+"/sent:", "").Replace(out)); len(s) != 0 {
		return fmt.Errorf("practice left something on the box: %v", s)
	}
	return nil
}

// look is one look at the lamps in a state.
type look struct {
	phase string
	red   bool
}

// answer takes part in the whisper that waits: heard, spoken, photographed,
// sent. voice is the file that is said. The lamps are looked at in every state.
func (r *rig) answer(ctx context.Context, voice string, seen func(look) error) error {
	at := func(patience time.Duration, phases ...string) error {
		phase, err := r.vm.until(ctx, patience, phases...)
		if err != nil {
			return err
		}
		if seen == nil {
			return nil
		}
		red, err := r.vm.lit(ctx, pinRed)
		if err != nil {
			return err
		}
		return seen(look{phase, red})
	}
	press := func(wait time.Duration) error {
		if err := pause(ctx, wait); err != nil {
			return err
		}
		return r.vm.press(ctx)
	}
	if err := errors.Join(at(2*time.Minute, "NEW", "NEW_QUIET", "HEARD"), press(1500*time.Millisecond), at(time.Minute, "PLAYING"),
		at(time.Minute, "INVITE"), press(3*time.Second), at(time.Minute, "RECORDING")); err != nil {
		return err
	}
	if _, err := r.vm.do(ctx, "say", r.file(voice)); err != nil {
		return err
	}
	return errors.Join(press(time.Second), at(time.Minute, "PHOTO_ASK"), r.pressUntil(ctx, "PHOTO_COUNT", "REVIEW"), at(time.Minute, "REVIEW"))
}

// pressUntil presses until a question, which only listens once it was said, is
// answered.
func (r *rig) pressUntil(ctx context.Context, phases ...string) error {
	for range 20 {
		if err := r.vm.press(ctx); err != nil {
			return err
		}
		if _, err := r.vm.until(ctx, 8*time.Second, phases...); err == nil {
			return nil
		}
	}
	return fmt.Errorf("no press led to %s", strings.Join(phases, " or "))
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
