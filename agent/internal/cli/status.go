package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"illumi/agent/internal/daemon"
	"illumi/agent/internal/panel"
	"illumi/protocol"
)

// boxStatus is what status tells.
type boxStatus struct {
	Enrolled bool   `json:"enrolled"`
	Name     string `json:"name,omitempty"`
	Device   string `json:"device,omitempty"`
	Address  string `json:"address,omitempty"`
	daemon.Report
}

func (p *program) statusCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "status",
		Short: "Say how the box is",
		Long: `status says whether the box runs, what it is doing, whether its server is there, and
what still waits on the box. It changes nothing.

` + exitCodes,
		Example: "  illumi-agent status\n  illumi-agent status --state ./janeeyre --json",
		Args:    noArgs,
		RunE:    func(*cobra.Command, []string) error { return p.status(asJSON) },
	}
	c.Flags().BoolVar(&asJSON, "json", false, "for programs")
	return c
}

func (p *program) status(asJSON bool) error {
	c, _, err := p.load(installed)
	if err != nil {
		return err
	}
	s := boxStatus{Enrolled: c.Enrolled() == nil, Name: c.Name, Device: c.Device, Address: c.Server}
	if s.Report, err = daemon.ReadReport(statusFile(c.StateDir)); err != nil {
		return fmt.Errorf("read the status: %w", err)
	}
	if s.Running, err = p.running(c.StateDir); err != nil {
		return fmt.Errorf("see whether the box runs: %w", err)
	}
	s.Online = s.Online && s.Running
	if asJSON {
		err = json.NewEncoder(p.stdio.Out).Encode(s)
	} else {
		_, err = fmt.Fprint(p.stdio.Out, s.text())
	}
	switch {
	case err != nil:
		return err
	case !s.Enrolled:
		return c.Enrolled()
	case s.Refusal.Code != "":
		return &failure{code: exitRefused, text: "The server refuses this box: " + sentence(s.Refusal.Text), next: p.mendRefusal(c.StateDir, s.Refusal)}
	}
	return nil
}

// mendRefusal is what to do at a box that its server refuses.
func (p *program) mendRefusal(state string, r daemon.Refusal) string {
	switch r.Code {
	case protocol.CodeDeviceUnknown, protocol.CodeDeviceRevoked:
		if _, err := os.Stat(boardFile(state)); err == nil {
			return "Make a new code on the server's page of boxes, then run: illumi-agent simulate http://SERVER CODE --state ANOTHER-DIR"
		}
		return "Make a new code on the server's page of boxes, then run: illumi-agent enroll https://SERVER CODE --again" + p.where()
	}
	if r.Next != "" {
		return r.Next
	}
	return "Ask who runs the server."
}

// clock is a moment for people, with its zone.
const clock = "2006-01-02 15:04:05 MST"

func (s boxStatus) text() string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-13s", name)
		fmt.Fprintf(&b, format+"\n", args...)
	}
	if !s.Enrolled {
		line("Box", "not enrolled")
		return b.String()
	}
	line("Box", "%s", s.Name)
	if s.Running {
		line("Runs", "yes")
	} else {
		line("Runs", "no")
	}
	if s.Running && s.Phase != "" {
		line("State", "%s", panel.Words(string(s.Phase)))
	}
	where := s.Address
	if s.Server != "" {
		where = s.Server + " (" + s.Address + ")"
	}
	line("Server", "%s", where)
	switch {
	case s.Refusal.Code != "":
		line("Connection", "refused by the server since %s: %s", s.Refusal.Since.Local().Format(clock), sentence(s.Refusal.Text))
	case s.Online:
		line("Connection", "connected")
	case s.LastContact.IsZero():
		line("Connection", "none yet")
	default:
		line("Connection", "none; last heard of at %s", s.LastContact.Local().Format(clock))
	}
	line("Whispers", "%d not answered", s.Waiting)
	line("Answers", "%d saved and not yet sent", s.Unsent)
	if s.Running && s.Quiet {
		line("Night", "quiet hours: the light is dimmed and the box speaks only when pressed")
	}
	if s.DiskLow {
		line("Disk", "nearly full")
	}
	return b.String()
}

// running reports whether an agent holds the state directory's lock. It reads
// the kernel's list: taking the lock to try it could keep an agent from starting.
func (p *program) running(state string) (bool, error) {
	fi, err := os.Stat(filepath.Join(state, "lock"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return false, errors.New("this system does not number its files")
	}
	locks, err := os.ReadFile(filepath.Join(p.root, "proc/locks"))
	if err != nil {
		return false, err
	}
	inode := fmt.Sprintf(":%d", st.Ino)
	for line := range strings.Lines(string(locks)) {
		// 3: FLOCK  ADVISORY  WRITE 4711 08:02:131075 0 EOF
		if f := strings.Fields(line); len(f) >= 6 && f[1] == "FLOCK" && strings.HasSuffix(f[5], inode) {
			return true, nil
		}
	}
	return false, nil
}
