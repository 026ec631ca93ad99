package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"illumi/scripts/e2e/world"
)

const movedName = "Box 08"

// move ends the study at the box, and makes the same card another box: in its
// new home nothing of the old one is left, and it is not at rest for good.
func move(ctx context.Context, r *rig) error {
	id, err := r.start(ctx, "The old home", boxName)
	if err != nil {
		return err
	}
	if _, err := r.vm.until(ctx, 3*time.Minute, "NEW", "NEW_QUIET"); err != nil {
		return err
	}
	if out, err := r.vm.run(ctx, "illumi-agent enroll http://pi-host:8080 ABCDE-FGHJK --plain 2>&1; echo code $?"); err != nil || !strings.Contains(out, "--again") || !strings.Contains(out, "code 1") {
		return fmt.Errorf("an enrolled box was enrolled again: %w\n%s", err, out)
	}
	for _, w := range r.started {
		var refused *world.Refusal
		if err := r.r.Steer(ctx, w, "end"); err != nil && (w == id || !errors.As(err, &refused)) { // it may be complete
			return err
		}
	}
	box, err := r.box(ctx)
	if err != nil {
		return err
	}
	if err := r.r.EndBox(ctx, box, boxName); err != nil {
		return err
	}
	if _, err := r.vm.until(ctx, time.Minute, "ENDED"); err != nil {
		return err
	}
	if err := r.nothingOf(ctx, id); err != nil {
		return fmt.Errorf("after the end: %w", err)
	}
	if err := r.r.RemoveBox(ctx, box); err != nil {
		return err
	}
	// The box learns that it is refused, which is nothing to its successor.
	if _, err := r.vm.run(ctx, "systemctl restart illumi-agent; sleep 5"); err != nil {
		return err
	}
	code, err := r.w.Code(ctx, movedName)
	if err != nil {
		return err
	}
	out, err := r.vm.run(ctx, "illumi-agent enroll http://pi-host:8080 "+code+" --plain --again --no-test 2>&1; echo code $?")
	if err != nil {
		return err
	}
	fmt.Print(indent(out))
	r.name = movedName
	if !strings.Contains(out, "code 0") {
		return fmt.Errorf("enroll --again failed:\n%s", out)
	}
	if err := r.online(ctx); err != nil {
		return err
	}
	if _, err := r.vm.until(ctx, time.Minute, "IDLE"); err != nil {
		return err
	}
	out, err = r.vm.run(ctx, "cd "+stateDir+" && grep -rlE '"+id+"|"+box+"|device_revoked' . ; find . -name 'anew-*' -o -name '.gone-*'; illumi-agent status | grep -i refused; true")
	if err != nil {
		return err
	}
	if strings.TrimSpace(out) != "" {
		return fmt.Errorf("in the new home is of the old one:\n%s", out)
	}
	if err := r.awake(ctx, 1); err != nil {
		return err
	}
	if _, err := r.start(ctx, "The new home", movedName); err != nil {
		return err
	}
	_, err = r.vm.until(ctx, 3*time.Minute, "NEW", "NEW_QUIET")
	return err
}

// nothingOf holds that no recording or picture of a whisper is on the box.
func (r *rig) nothingOf(ctx context.Context, whisper string) error {
	out, err := r.vm.run(ctx, "cd "+stateDir+" && find inbox takes sent outbox -type f ! -name cursor.json; grep -l "+whisper+" -r inbox takes sent outbox; true")
	if err == nil && strings.TrimSpace(out) != "" {
		err = fmt.Errorf("on the card is still:\n%s", out)
	}
	return err
}
