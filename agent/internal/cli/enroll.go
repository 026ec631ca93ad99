package cli

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"illumi/agent/internal/config"
	"illumi/agent/internal/daemon"
	"illumi/agent/internal/spool"
	"illumi/agent/internal/transfer"
	"illumi/protocol"
)

func (p *program) enrollCommand() *cobra.Command {
	var name, installer string
	var again, setAside, noTest bool
	c := &cobra.Command{
		Use:   "enroll URL CODE",
		Short: "Make this machine a box of a server",
		Long: `enroll makes this machine a box of a server. The code comes from the server's
pages; it works once, for 24 hours. The configuration is written only when every step
has been proven. Until then the box's new key waits in the file enrolling of the state
directory. So the same command may be given again where an answer got lost.

Then the service is started, and the box tests itself aloud: somebody has to press its
button where it asks for it. The server keeps the result. At the end a practice whisper
waits on the box, which never leaves it.

` + exitCodes,
		Example: `  illumi-agent enroll https://whispers.example.org ABCDE-23456
  illumi-agent enroll https://whispers.example.org ABCDE-23456 --name "Kitchen, Mrs Eyre"`,
		Args: twoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, file, err := p.load(installed)
			if err != nil {
				return err
			}
			b := p.realBoard()
			if b.serial == "" {
				return &failure{code: exitHardware, text: "This machine has neither a serial number nor a machine id.",
					next: "Run: systemd-machine-id-setup"}
			}
			if !again && cfg.Enrolled() == nil && p.sameBox(cfg, name, args) == nil {
				return p.onceMore(cmd.Context(), cfg, !noTest, installer)
			}
			if err := p.mayAgain(cfg, again, setAside, "add --again"); err != nil {
				return err
			}
			h, err := hardwareBeside(file)
			if err == nil {
				_, err = wiringOf(h) // a box that could not run is not enrolled
			}
			if err != nil {
				return err
			}
			e := enrolment{typed: args[0], code: args[1], name: name, plain: cfg.Plain, setAside: setAside, state: cfg.StateDir, file: file, board: b,
				caps: p.bareCapabilities(file)}
			if err := p.enroll(cmd.Context(), e); err != nil {
				return err
			}
			if err := p.setMixers(cmd.Context(), file, cfg.StateDir); err != nil {
				return err
			}
			if cfg.Enrolled() == nil {
				if err := p.fact("Before", "this was %q of %s: remove that box there, if nobody did", cfg.Name, cfg.Server); err != nil {
					return err
				}
			}
			return p.afterEnrolling(cmd.Context(), cfg, !noTest, installer)
		},
	}
	c.Flags().StringVar(&name, "name", "", "the box's `NAME` (default: the one the code was made for)")
	c.Flags().StringVar(&installer, "installer", "", "`NAME` of who stands at the box, for the record of its test")
	c.Flags().BoolVar(&noTest, "no-test", false, "leave out the spoken test and the practice whisper, for preparing many boxes")
	c.Flags().BoolVar(&again, "again", false, "enrol a box anew that is enrolled already, for another home or study; what it held is erased")
	c.Flags().BoolVar(&setAside, "set-aside", false, "with --again: even where answers were never sent; they are kept on the card")
	return c
}

// onceMore is the same command for a box that was enrolled by it: whoever types
// it did not see the end.
func (p *program) onceMore(ctx context.Context, cfg config.Config, test bool, installer string) error {
	if err := p.fact("Code", "this machine was enrolled with it already, as %q of %s", cfg.Name, cfg.Server); err != nil {
		return err
	}
	running, err := p.running(cfg.StateDir)
	if err != nil {
		return err
	}
	if running {
		return p.say("It runs. How it is: illumi-agent status%s. To test it: illumi-agent selftest%s", p.where(), p.where())
	}
	return p.afterEnrolling(ctx, cfg, test, installer)
}

// afterEnrolling starts what was enrolled and proves it; a folder of one's own is
// left to whoever named it.
func (p *program) afterEnrolling(ctx context.Context, cfg config.Config, test bool, installer string) error {
	if p.state == "" && p.config == "" {
		return p.proveBox(ctx, test, installer)
	}
	running, err := p.running(cfg.StateDir)
	if err != nil {
		return err
	}
	if running {
		return p.say("Next: end the box that runs with this folder, then begin the new one: illumi-agent run%s", p.where())
	}
	return p.say("Next: illumi-agent run%s", p.where())
}

// mayAgain says why a box cannot become another one, or not yet.
func (p *program) mayAgain(cfg config.Config, again, setAside bool, how string) error {
	if cfg.Enrolled() != nil {
		return nil
	}
	if !again {
		return &failure{code: exitFailed, text: "This machine is enrolled already, as " + cfg.Name + " at " + cfg.Server + ".",
			next: "To make it another box, " + how + ". What it holds of this one is erased then."}
	}
	if setAside {
		return nil
	}
	return p.unsent(enrolment{state: cfg.StateDir})
}

// errUnsent is a box that cannot become another one before its answers are sent.
var errUnsent = errors.New("answers are unsent")

// unsent refuses to begin anew where answers wait: one that somebody was thanked
// for is sent by the box that got it, or by none.
func (p *program) unsent(e enrolment) error {
	n, before, err := spool.Unsent(e.state)
	if err != nil || n == 0 {
		return p.stateTrouble(e.state, err)
	}
	if e.setAside {
		return p.fact("Set aside", "%s never sent; for the researcher, in %s once this box runs", plural(n, "answer"), before)
	}
	f := &failure{code: exitUnreachable, err: errUnsent, text: "This box holds " + plural(n, "answer") + " that its server does not have yet. As another box it cannot send them."}
	keep := "--again --set-aside keeps them in " + before + ", for the researcher."
	f.next = "Let it reach its server until \"illumi-agent status\" says that none waits, and try again. Where that cannot be: " + keep
	if r, err := daemon.ReadReport(statusFile(e.state)); err == nil && r.Refusal.Code != "" {
		f.next = "Its server refuses this box, so they cannot be sent: " + keep
	}
	return f
}

func twoArgs(cmd *cobra.Command, args []string) error {
	if len(args) != 2 {
		return usage("Type the server's address and the code: %s https://SERVER CODE.", cmd.CommandPath())
	}
	return nil
}

// enrolment is what an installer asks for.
type enrolment struct {
	typed, code, name string
	plain             bool
	setAside          bool   // answers that an earlier box never sent
	state, file       string // directory; configuration
	board             board
	caps              protocol.Capabilities
}

// attempt is kept while an enrolment is under way, so that its repetition after
// a lost answer is the same request.
type attempt struct {
	Server string `json:"server"`
	Code   string `json:"code"` // its SHA-256
	Secret string `json:"secret,omitempty"`
}

// enroll does and shows every step; only when all is proven the configuration
// is written.
func (p *program) enroll(ctx context.Context, e enrolment) error {
	server, err := config.Server(e.typed, e.plain)
	if err != nil {
		return err
	}
	code, ok := protocol.NormalizeCode(e.code)
	if !ok {
		return usage("This cannot be a code: codes have %d letters and digits, such as ABCDE-23456.", protocol.CodeLength)
	}
	if e.name != "" {
		name, ok := protocol.CleanName(e.name)
		if !ok {
			return usage("This cannot be a name: 1 to %d characters in one line.", protocol.MaxNameRunes)
		}
		e.name = name
	}
	if err := p.fact("Address", "%s", server); err != nil {
		return err
	}
	if err := p.step("Server", "an illumi server answers", func() error { return p.probe(ctx, server, e.plain) }); err != nil {
		return err
	}
	a, err := p.begin(e.state, server, code)
	if err != nil {
		return p.stepFailed("State", err)
	}
	p.doing(label("Code"))
	answer, err := p.redeem(ctx, e, a, code)
	if err != nil {
		return p.stepFailed("Code", err)
	}
	if err := p.fact("Code", "accepted: this box is %q at %s", answer.Name, answer.Server); err != nil {
		return err
	}
	if off := time.Since(answer.ServerTime).Abs(); off > 2*time.Minute {
		if err := p.fact("Clock", "differs from the server's by %s; quiet hours need a clock that is right", protocol.Spell(off)); err != nil {
			return err
		}
	}
	if err := p.step("Key", "the server knows this box by its own key", func() error { return p.prove(ctx, server, a.Secret, e) }); err != nil {
		return err
	}
	id := config.Identity{Server: server, ServerID: answer.ServerID, Device: answer.Device, Name: answer.Name, Secret: config.Secret(a.Secret)}
	if err := p.unsent(e); err != nil { // somebody may have answered meanwhile
		return p.stepFailed("Written", err)
	}
	if err := spool.MarkAnew(e.state, id.Device); err != nil { // before it is that device
		return p.stepFailed("Written", p.stateTrouble(e.state, err))
	}
	if err := config.Save(e.file, id, e.plain); err != nil {
		return p.stepFailed("Written", err)
	}
	// The key lives in the configuration now. That this code was used stays.
	if err := writeAttempt(usedFile(e.state), attempt{Server: a.Server, Code: a.Code}); err != nil {
		return err
	}
	if err := os.Remove(attemptFile(e.state)); err != nil {
		return err
	}
	// What the status says is of the box as it was.
	if err := os.Remove(statusFile(e.state)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return p.fact("Written", "%s", e.file)
}

// label is what a line of a step begins with.
func label(step string) string { return fmt.Sprintf("%-*s", labelWidth, step) }

// step does one and shows how it went.
func (p *program) step(name, done string, do func() error) error {
	p.doing(label(name))
	if err := do(); err != nil {
		return p.stepFailed(name, err)
	}
	return p.fact(name, "%s", done)
}

// where is what else must be typed for the same box.
func (p *program) where() string {
	s := ""
	for _, flag := range [][2]string{{"--state", p.state}, {"--config", p.config}} {
		if flag[1] != "" {
			s += " " + flag[0] + " " + quoted(flag[1])
		}
	}
	return s
}

// quoted makes a name one word of a shell.
func quoted(name string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./+,:@%", r)
	}
	if name != "" && strings.IndexFunc(name, func(r rune) bool { return !plain(r) }) < 0 {
		return name
	}
	return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
}

// stepFailed shows where it ended. The error itself is told once, at the end.
func (p *program) stepFailed(step string, err error) error {
	return errors.Join(explainServer(err), p.fact(step, "failed"))
}

// probe asks without a key: an illumi server says in its own words that one is
// needed, and its certificate is proven on the way.
func (p *program) probe(ctx context.Context, server string, plain bool) error {
	c, err := transfer.New(transfer.Options{Server: server, Plain: plain, Stall: enrollStall})
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Offers(ctx, "")
	if problem, ok := errors.AsType[*protocol.Problem](err); ok && problem.Status == 401 {
		return nil
	}
	if err == nil {
		return transfer.ErrNotOurs // it lets in anybody
	}
	return err
}

// enrollStall is how long an installer waits for an answer that does not come.
const enrollStall = 20 * time.Second

func (p *program) redeem(ctx context.Context, e enrolment, a attempt, code string) (protocol.EnrollResponse, error) {
	c, err := transfer.New(transfer.Options{Server: a.Server, Plain: e.plain, Stall: enrollStall})
	if err != nil {
		return protocol.EnrollResponse{}, err
	}
	defer c.Close()
	return c.Enroll(ctx, protocol.EnrollRequest{
		Code: code, Name: e.name, Secret: a.Secret, BoardModel: e.board.model, BoardSerial: e.board.serial,
		Agent: protocol.Build, Version: protocol.Version, Capabilities: e.caps,
	})
}

// prove makes one request with the new key.
func (p *program) prove(ctx context.Context, server, secret string, e enrolment) error {
	c, err := transfer.New(transfer.Options{Server: server, Secret: secret, Board: e.board.serial, Plain: e.plain, Stall: enrollStall})
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Offers(ctx, "")
	return err
}

func attemptFile(state string) string { return filepath.Join(state, "enrolling") }

// usedFile keeps with which code a box was enrolled, so that the same command
// is known from another one.
func usedFile(state string) string { return filepath.Join(state, "enrolled") }

// used reports whether the box of a configuration was enrolled with a code. An
// attempt counts where its key is the box's own: the power was cut before it was
// noted that all was done.
func (p *program) used(c config.Config, code string) (bool, error) {
	done, err := readAttempt(usedFile(c.StateDir))
	if err != nil || done.Code == codeSum(code) {
		return err == nil, err
	}
	last, err := readAttempt(attemptFile(c.StateDir))
	return err == nil && last.Code == codeSum(code) && last.Secret == string(c.Secret), err
}

// readAttempt reads one; a file that is not there or not one is an empty one.
func readAttempt(name string) (attempt, error) {
	var a attempt
	data, err := os.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return a, nil
	case err != nil:
		return a, err
	case json.Unmarshal(data, &a) != nil:
		return attempt{}, nil
	}
	return a, nil
}

func writeAttempt(name string, a attempt) error {
	data, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return writeKept(name, data)
}

func codeSum(code string) string {
	sum := sha256.Sum256([]byte("illumi code " + code))
	return hex.EncodeToString(sum[:])
}

// begin makes a secret for this server and code, or finds the one of an earlier
// attempt. It is on the disk before the server hears of it.
func (p *program) begin(state, server, code string) (attempt, error) {
	want := attempt{Server: server, Code: codeSum(code)}
	a, err := readAttempt(attemptFile(state))
	if err != nil || a.Server == want.Server && a.Code == want.Code && protocol.ValidSecret(a.Secret) {
		return a, err
	}
	want.Secret = newSecret()
	return want, writeAttempt(attemptFile(state), want)
}

// newSecret is 256 bits as the wire spells them.
func newSecret() string {
	b := make([]byte, protocol.SecretBytes)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
