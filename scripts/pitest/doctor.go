package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"time"

	"illumi/protocol"
)

// parts are what doctor has a verdict on; an emulated Pi has no printer, and
// its network is no real Wi-Fi.
var parts = []string{"buttons", "lights", "microphone", "loudspeaker", "camera", "screen", "printer", "sentences",
	"disk", "memory card", "power", "temperature", "clock", "Wi-Fi", "server", "line"}

var mayLack = []string{"printer", "power", "temperature", "memory card", "Wi-Fi"}

// awake lets the box be seen and heard at this hour, and gives it so many buttons.
func (r *rig) awake(ctx context.Context, buttons int) error {
	id, err := r.box(ctx)
	if err != nil {
		return err
	}
	hour := func(d time.Duration) string { return time.Now().UTC().Add(d).Format("15:00") }
	return r.r.SetBox(ctx, id, url.Values{
		"label": {""}, "zone": {"UTC"}, "wake": {hour(-3 * time.Hour)}, "bed": {hour(12 * time.Hour)},
		"photo": {"1"}, "announce": {"1"}, "volume": {"3"}, "buttons": {fmt.Sprint(buttons)},
	})
}

// box is the emulated box's id.
func (r *rig) box(ctx context.Context) (string, error) {
	list, err := r.w.Devices(ctx)
	if err != nil {
		return "", err
	}
	d, ok := list[r.name]
	if !ok {
		return "", fmt.Errorf("the server knows no %q", r.name)
	}
	return d.ID, nil
}

// doctor looks at the box from itself, and at the web's request.
func doctor(ctx context.Context, r *rig) error {
	if _, err := r.vm.until(ctx, time.Minute, "IDLE"); err != nil {
		return err
	}
	room, leave := context.WithCancel(ctx)
	defer leave()
	go r.murmur(room)
	out, err := r.vm.run(ctx, "illumi-agent doctor --json; true")
	if err != nil {
		return err
	}
	var here protocol.Check
	if err := json.Unmarshal([]byte(out), &here); err != nil {
		return fmt.Errorf("doctor --json is none: %w\n%s", err, tail(out, 400))
	}
	if err := well(here.Items); err != nil {
		return err
	}
	return r.doctorFromTheWeb(ctx)
}

func well(items []protocol.CheckItem) error {
	found := map[string]protocol.CheckItem{}
	for _, i := range items {
		found[i.Part] = i
		fmt.Printf("    %-8s %-12s %s\n", i.Verdict, i.Part, i.Text)
	}
	var bad []error
	for _, part := range parts {
		i, ok := found[part]
		lacking := slices.Contains(mayLack, part) && i.Verdict == protocol.VerdictSkipped
		if !ok || i.Verdict != protocol.VerdictOK && !lacking {
			bad = append(bad, fmt.Errorf("doctor on %s: %q %s → %s", part, i.Verdict, i.Text, i.Next))
		}
	}
	return errors.Join(bad...)
}

// latestCheck is what a box's page says of its last check; checkedAt is when.
var (
	latestCheck = regexp.MustCompile(`(?s)<h2 id="check">(.*?)</section>`)
	checkedAt   = regexp.MustCompile(`datetime="[^"]*"`)
)

// doctorFromTheWeb asks on the box's page and waits for what it shows.
func (r *rig) doctorFromTheWeb(ctx context.Context) error {
	id, err := r.box(ctx)
	if err != nil {
		return err
	}
	look := func() (string, error) {
		page, err := r.r.Get(ctx, "/boxes/"+id)
		return latestCheck.FindString(string(page)), err
	}
	before, err := look()
	if err != nil {
		return err
	}
	if err := r.r.AskBox(ctx, id, protocol.TypeCheck); err != nil {
		return err
	}
	for range 90 {
		now, err := look()
		if err != nil {
			return err
		}
		if at := checkedAt.FindString(now); at != "" && at != checkedAt.FindString(before) {
			return nil
		}
		if err := pause(ctx, 2*time.Second); err != nil {
			return err
		}
	}
	return errors.New("three minutes after it was asked, the box's page shows no check")
}

// murmur says something now and then, as in any room, until the context ends.
func (r *rig) murmur(ctx context.Context) {
	for ctx.Err() == nil {
		_, _ = r.vm.do(ctx, "say", r.file("name.wav")) // the microphone may be away
		_ = pause(ctx, 500*time.Millisecond)
	}
}
