package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// remove upgrades the package, takes it away and puts it back, and purges it.
func remove(ctx context.Context, r *rig) error {
	identity := "sha256sum </etc/illumi/agent.yaml"
	before, err := r.vm.run(ctx, identity)
	if err != nil {
		return err
	}
	// The same files under a later version are an upgrade to dpkg.
	for _, s := range []struct{ what, do string }{
		{"upgrade", `cd /root && rm -rf later && dpkg-deb -R illumi-agent.deb later && sed -i 's/^Version: .*/&+later/' later/DEBIAN/control &&
			dpkg-deb -Zgzip -z1 -b later later.deb >/dev/null && rm -rf later && dpkg -i later.deb 2>&1`},
		{"removal", "dpkg -r illumi-agent 2>&1 && ! systemctl -q is-active illumi-agent && dpkg -i /root/illumi-agent.deb 2>&1"},
	} {
		if out, err := r.vm.run(ctx, s.do); err != nil {
			return fmt.Errorf("%s: %w\n%s", s.what, err, tail(out, 1000))
		}
		after, err := r.vm.run(ctx, identity)
		if err != nil || after != before {
			return fmt.Errorf("the %s changed who the box is: %q, %q before; %w", s.what, after, before, err)
		}
		if err := r.online(ctx); err != nil {
			return fmt.Errorf("after the %s: %w", s.what, err)
		}
	}
	out, err := r.vm.run(ctx, `dpkg -P illumi-agent 2>&1; for f in /etc/illumi /var/lib/illumi-agent /usr/bin/illumi-agent; do [ -e $f ] && find $f; done
		systemctl is-active illumi-agent; pi-gpio level `+pinLight+`; pi-gpio level `+pinRed)
	if err != nil {
		return err
	}
	fmt.Print(indent(out))
	for _, kept := range []string{"/etc/illumi/agent.yaml", "/usr/bin/illumi-agent", "/var/lib/illumi-agent/journal"} {
		if strings.Contains(out, "\n"+kept) {
			return fmt.Errorf("the purge left %s:\n%s", kept, out)
		}
	}
	if !strings.Contains(out, "inactive\n0\n0") {
		return fmt.Errorf("after the purge something runs or shines:\n%s", out)
	}
	return nil
}

// online waits until the service runs and the server has the box.
func (r *rig) online(ctx context.Context) error {
	for range 60 {
		s, err := r.vm.status(ctx)
		if err == nil && s.Running && s.Online {
			out, err := r.vm.run(ctx, "systemctl is-active illumi-agent")
			if err == nil && strings.TrimSpace(out) == "active" {
				return nil
			}
		}
		if err := pause(ctx, 2*time.Second); err != nil {
			return err
		}
	}
	return fmt.Errorf("the box did not come back within two minutes")
}
