package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"illumi/agent/internal/daemon"
	"illumi/protocol"
)

// boxStatus is what status tells.
type boxStatus struct {
	Enrolled bool   `json:"enrolled"`
	Name     string `json:"name,omitempty"`
	Device   string `json:"device,omitempty"`
	Address  string `json:"address,omitempty"`
	Code     string `json:"code,omitempty"` // that it says in its self-test
	Agent    string `json:"agent"`          // version of this program
	daemon.Report
	// Now is the running box's own word, the same that its server has; nil where
	// none runs, or where it does not answer.
	Now *daemon.Now `json:"now,omitempty"`
}

func (p *program) statusCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "status",
		Short: "Say how the box is",
		Long: `status says whether the box runs, what it does, and whether its server is there. It
says what still waits on the box, how it is, and by which settings it lives. It changes
nothing. The box's page on the server shows the same, as of its last word.

` + exitCodes,
		Example: "  illumi-agent status\n  illumi-agent status --state ./janeeyre --json",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return p.status(cmd.Context(), asJSON) },
	}
	c.Flags().BoolVar(&asJSON, "json", false, "for programs")
	return c
}

func (p *program) status(ctx context.Context, asJSON bool) error {
	c, _, err := p.load(installed)
	if err != nil {
		return err
	}
	s := boxStatus{Enrolled: c.Enrolled() == nil, Name: c.Name, Device: c.Device, Address: c.Server, Agent: protocol.Build}
	if s.Enrolled {
		s.Code = protocol.SpokenCode(c.Device)
	}
	if s.Report, err = daemon.ReadReport(statusFile(c.StateDir)); err != nil {
		return fmt.Errorf("read the status: %w", err)
	}
	if s.Running, err = p.running(c.StateDir); err != nil {
		return fmt.Errorf("see whether the box runs: %w", err)
	}
	s.Online = s.Online && s.Running
	if s.Running {
		s.Now = askNow(ctx, controlSocket(c.StateDir))
	}
	if asJSON {
		err = json.NewEncoder(p.stdio.Out).Encode(s)
	} else {
		err = s.show(p.fact)
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

// answersSoon is how long a running box may take to say how it is.
const answersSoon = 5 * time.Second

// askNow is nil for a box that is just starting or ending, or is an older one:
// what its file says is told all the same.
func askNow(ctx context.Context, socket string) *daemon.Now {
	ctx, cancel := context.WithTimeout(ctx, answersSoon)
	defer cancel()
	n, err := daemon.AskNow(ctx, socket)
	if err != nil || n.State == "" {
		return nil
	}
	return &n
}

// clock is a moment for people, with its zone.
const clock = "2006-01-02 15:04:05 MST"

// show tells it in lines with a label before each.
func (s boxStatus) show(fact func(label, format string, args ...any) error) error {
	var errs []error
	line := func(label, format string, args ...any) { errs = append(errs, fact(label, format, args...)) }
	if !s.Enrolled {
		line("Box", "not enrolled")
		return errors.Join(errs...)
	}
	line("Box", "%s", s.Name)
	line("Its code", "%s, as it says in its self-test", s.Code)
	line("Runs", "%s", yesNo(s.Running))
	where := s.Address
	if s.Server != "" {
		where = s.Server + " (" + s.Address + ")"
	}
	line("Server", "%s", where)
	line("Connection", "%s", s.connection())
	if !s.LastContact.IsZero() && !s.Online {
		line("Last contact", "%s", s.LastContact.Local().Format(clock))
	}
	switch {
	case s.Now != nil:
		for _, l := range s.Now.Lines() {
			line(l.Name, "%s", lineWords(l))
		}
	default:
		if s.Running && s.Phase != "" {
			line("It does", "%s", protocol.StateWords(string(s.Phase)))
		}
		line("Not answered", "%s", plural(s.Waiting, "whisper"))
		line("Not sent", "%s", plural(s.Unsent, "answer"))
		if s.DiskLow {
			line("Free space", "! nearly full")
		}
	}
	line("Software", "%s", s.Agent)
	if s.Running && s.Quiet {
		line("Night", "quiet hours: the light is dimmed and the box speaks only when pressed")
	}
	if s.Now != nil && s.Now.InForce != nil {
		line("", "")
		for _, w := range protocol.SettingWords(s.Now.Wanted, *s.Now.InForce) {
			words := w.Is
			if !w.Same {
				words += ", but wanted: " + w.Wanted
			}
			line(settingLabel(w), "%s", words)
		}
	}
	return errors.Join(errs...)
}

// settingLabel fits beside the other labels.
func settingLabel(w protocol.Setting) string {
	if w.Key == "announce" {
		return "Announces"
	}
	return w.Name
}

// lineWords marks what somebody should look after: not everybody sees colours.
func lineWords(l protocol.Line) string {
	words := l.Words
	if !l.At.IsZero() {
		words = strings.TrimSpace(words + " " + l.At.Local().Format(clock))
	}
	if l.Level == protocol.Look || l.Level == protocol.Bad {
		return "! " + words
	}
	return words
}

func (s boxStatus) connection() string {
	switch {
	case s.Refusal.Code != "":
		return "refused by the server since " + s.Refusal.Since.Local().Format(clock) + ": " + sentence(s.Refusal.Text)
	case s.Online:
		return "connected"
	case s.LastContact.IsZero():
		return "none yet"
	}
	return "none"
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
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
