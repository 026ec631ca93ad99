package app

import (
	"net/netip"
	"strings"
	"time"

	"illumi/protocol"
	"illumi/server/internal/hook"
	"illumi/server/internal/store"
)

// hookWorker makes the worker that tells hooks.
func (a *App) hookWorker() (*hook.Worker, error) {
	w := &hook.Worker{
		Queue: a.relay, Secret: a.hookSecret, Wake: a.hookWake, Name: store.NewID(),
		Agent: "illumi-server/" + protocol.Build, Now: time.Now, Log: a.log,
	}
	for _, text := range a.cfg.HookNetworks {
		n, err := netip.ParsePrefix(strings.TrimSpace(text))
		if err != nil {
			return nil, settingf("the network %q in --hook-networks is not one like 10.0.0.0/8", text)
		}
		w.Networks = append(w.Networks, n)
	}
	return w, nil
}

func (a *App) wakeHooks() {
	select {
	case a.hookWake <- struct{}{}:
	default: // it is awake already
	}
}
