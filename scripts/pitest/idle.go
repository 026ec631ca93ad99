package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// What an idle box may need (issue 4).
const (
	maxResident = 20 << 20        // bytes
	maxCPU      = 0.005           // of one processor
	maxWakes    = 1.0             // a second
	idleFor     = 5 * time.Minute // in which it does all but what is done each hour
)

// pythonClient is what others would write: it holds a connection open.
//
//go:embed idle_client.py
var pythonClient []byte

// idle measures the box while nothing happens, beside a well-known Go agent and
// a Python client where the machine has them.
func idle(ctx context.Context, r *rig) error {
	if err := r.forward(ctx, r.w.Port()); err != nil {
		return err
	}
	if _, err := r.vm.do(ctx, "push", r.probe, "/root/probe"); err != nil {
		return err
	}
	client := r.file("idle_client.py")
	if err := os.WriteFile(client, pythonClient, 0o600); err != nil {
		return err
	}
	if _, err := r.vm.do(ctx, "push", client, "/root/idle_client.py"); err != nil {
		return err
	}
	if err := r.r.AddOldBox(ctx, "Python", "127.0.0.0/8"); err != nil {
		return err
	}
	// As after a night: started anew, connected, and left alone for a while.
	if _, err := r.vm.run(ctx, "systemctl restart illumi-agent"); err != nil {
		return err
	}
	if _, err := r.vm.until(ctx, 2*time.Minute, "IDLE", "NEW", "NEW_QUIET", "HEARD", "QUEUED"); err != nil {
		return err
	}
	out, err := r.vm.run(ctx, `
		systemctl start prometheus-node-exporter 2>/dev/null
		python3 -c 'import websocket' 2>/dev/null && systemd-run -q --collect --unit=idle-client python3 /root/idle_client.py ws://pi-host:8080/echo Python
		sleep 60
		for u in illumi-agent prometheus-node-exporter idle-client; do
			p=$(systemctl show -p MainPID --value $u 2>/dev/null); [ "${p:-0}" -gt 0 ] && echo $u $p; done; true`)
	if err != nil {
		return err
	}
	var names, pids []string
	for line := range strings.Lines(out) {
		if f := strings.Fields(line); len(f) == 2 {
			names, pids = append(names, f[0]), append(pids, f[1])
		}
	}
	out, err = r.vm.run(ctx, "/root/probe watch --for "+idleFor.String()+" "+strings.Join(pids, " "))
	_, stopped := r.vm.run(ctx, "systemctl stop idle-client prometheus-node-exporter 2>/dev/null; true")
	if err := errors.Join(err, stopped); err != nil {
		return err
	}
	var used []struct {
		Resident, Own int64
		CPU, Wakes    float64
		Sleeps        float64
	}
	if err := json.Unmarshal([]byte(out), &used); err != nil {
		return err
	}
	for i, u := range used {
		fmt.Printf("    %-26s %5.1f MB resident, %5.1f MB its own, %5.2f %% of a processor, %5.2f wake-ups and %5.2f sleeping threads a second\n",
			names[i], float64(u.Resident)/(1<<20), float64(u.Own)/(1<<20), 100*u.CPU, u.Wakes, u.Sleeps)
	}
	if len(used) == 0 || names[0] != "illumi-agent" {
		return errors.New("the box does not run")
	}
	var wrong []error
	if u := used[0]; u.Resident > maxResident {
		wrong = append(wrong, fmt.Errorf("an idle box takes %.1f MB; the limit is %d MB", float64(u.Resident)/(1<<20), maxResident>>20))
	}
	if u := used[0]; u.CPU > maxCPU {
		wrong = append(wrong, fmt.Errorf("an idle box takes %.2f %% of a processor; the limit is %.1f %%", 100*u.CPU, 100*maxCPU))
	}
	if u := used[0]; u.Wakes > maxWakes {
		wrong = append(wrong, fmt.Errorf("an idle box wakes %.2f times a second; the limit is %.0f", u.Wakes, maxWakes))
	}
	return errors.Join(wrong...)
}
