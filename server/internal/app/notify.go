package app

import sd "github.com/coreos/go-systemd/v22/daemon"

// tell says to systemd how the server is: sd.SdNotifyReady once its address
// answers, sd.SdNotifyStopping when it ends. Without systemd nobody listens.
func (a *App) tell(state string) {
	if _, err := sd.SdNotify(false, state); err != nil {
		a.log.Warn("systemd could not be told", "state", state, "error", err)
	}
}
