package cli

import (
	"os"
	"testing"

	"illumi/agent/internal/config"
	"illumi/agent/internal/daemon"
	"illumi/agent/internal/media"
)

// What a check used is given back once, on a box that is enrolled and on one
// that is not.
func TestCheckupBox_GivesBack(t *testing.T) {
	enrolled := config.Config{Identity: config.Identity{Server: "http://127.0.0.1:1", ServerID: "s", Device: "d", Secret: "secret"}, Plain: true}
	for name, c := range map[string]config.Config{"not enrolled": {}, "enrolled": enrolled} {
		c.StateDir = t.TempDir()
		p := &program{root: t.TempDir()}
		box, done := p.checkupBox(&hardware{mic: &media.ALSAMicrophone{}, speaker: &media.ALSASpeaker{}, config: config.Hardware{Screen: "none"}}, c, parts{}, daemon.Hands{})
		if (box.Server != nil) != (name == "enrolled") {
			t.Errorf("%s: server %v", name, box.Server)
		}
		done()
		if _, err := os.Stat(box.Dir); !os.IsNotExist(err) {
			t.Errorf("%s: the trial recordings' folder stays: %v", name, err)
		}
	}
}
