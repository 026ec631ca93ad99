package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"illumi/protocol"
	"illumi/server/internal/app"
	"illumi/server/internal/model"
)

func (p *program) open(cmd *cobra.Command) (*app.App, app.Config, error) {
	cfg, level, err := p.config(cmd)
	if err != nil {
		return nil, cfg, err
	}
	a, err := app.New(cmd.Context(), cfg, p.logger(level))
	return a, cfg, err
}

// openExisting opens a server's data for an administration command, beside a
// running server as well.
func (p *program) openExisting(cmd *cobra.Command, use func(context.Context, *app.App) error) error {
	cfg, level, err := p.config(cmd)
	if err != nil {
		return err
	}
	if err := dataExists(cfg); err != nil {
		return err
	}
	if err := p.asServed(cmd, &cfg); err != nil {
		return err
	}
	cfg.Beside = true
	a, err := app.New(cmd.Context(), cfg, p.logger(max(level, slog.LevelWarn)))
	if err != nil {
		return err
	}
	return errors.Join(use(cmd.Context(), a), a.Close())
}

func (p *program) serveWith(ctx context.Context, a *app.App) error {
	l, err := a.Listen()
	if err != nil {
		return err
	}
	err = a.Prepare(ctx)
	var setup string
	if err == nil {
		setup, err = a.SetupAddress(ctx)
	}
	if err == nil {
		err = a.KeepAddress()
	}
	if err == nil {
		err = a.Banner(p.stdio.Out, setup)
	}
	if err != nil {
		return errors.Join(err, l.Close())
	}
	return a.Serve(ctx, l)
}

func (p *program) migrate() *cobra.Command {
	return &cobra.Command{
		Use:         "migrate",
		Short:       "Bring the database to this program's version and stop (serve does so as well)",
		Annotations: usesData,
		Args:        noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, cfg, err := p.open(cmd)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(p.stdio.Out, "The database of %s is up to date.\n", cfg.Data)
			return errors.Join(err, a.Close())
		},
	}
}

func (p *program) user() *cobra.Command {
	user := &cobra.Command{Use: "user", Short: "Accounts of researchers and administrators", Annotations: usesData, Args: noCommand, RunE: help}
	var name, role string
	var asJSON bool
	add := &cobra.Command{
		Use:   "add EMAIL",
		Short: "Make an account; the password is read from the terminal or from standard input",
		Args:  exactly("EMAIL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(model.Roles(), model.Role(role)) {
				return errUsage{fmt.Errorf("there is no role %q; choose researcher, administrator or installer", role)}
			}
			password, err := p.password()
			if err != nil {
				return err
			}
			return p.openExisting(cmd, func(ctx context.Context, a *app.App) error {
				u, err := a.CreateUser(ctx, args[0], name, model.Role(role), password)
				if err != nil {
					return err
				}
				return p.print(asJSON, publicUser(u), "%s can sign in now.\n", u.Email)
			})
		},
	}
	add.Flags().StringVar(&name, "name", "", "the person's name (default: from the address)")
	add.Flags().StringVar(&role, "role", string(model.RoleResearcher), "researcher, administrator or installer")
	passwd := &cobra.Command{
		Use:   "passwd EMAIL",
		Short: "Set a new password and sign the account out everywhere",
		Args:  exactly("EMAIL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.openExisting(cmd, func(ctx context.Context, a *app.App) error {
				if err := a.HasUser(ctx, args[0]); err != nil {
					return err // before anybody thinks of a password
				}
				password, err := p.password()
				if err != nil {
					return err
				}
				if err := a.SetPassword(ctx, args[0], password); err != nil {
					return err
				}
				return p.print(asJSON, map[string]string{"email": args[0]}, "The password of %s is changed.\n", args[0])
			})
		},
	}
	list := &cobra.Command{
		Use: "list", Short: "List the accounts", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.openExisting(cmd, func(ctx context.Context, a *app.App) error {
				users, err := a.Users(ctx)
				if err != nil {
					return err
				}
				out := make([]userJSON, 0, len(users))
				rows := [][]string{{"E-MAIL", "NAME", "ROLE", "SINCE"}}
				for _, u := range users {
					out = append(out, publicUser(u))
					rows = append(rows, []string{u.Email, u.Name, string(u.Role), u.CreatedAt.Local().Format(clock)})
				}
				return p.table(asJSON, out, rows, "There is no account yet.")
			})
		},
	}
	user.PersistentFlags().BoolVar(&asJSON, "json", false, "print JSON")
	user.AddCommand(add, passwd, list)
	return user
}

type userJSON struct {
	ID    string     `json:"id"`
	Email string     `json:"email"`
	Name  string     `json:"name"`
	Role  model.Role `json:"role"`
}

func publicUser(u model.User) userJSON { return userJSON{u.ID, u.Email, u.Name, u.Role} }

func (p *program) device() *cobra.Command {
	device := &cobra.Command{Use: "device", Short: "Boxes: enrolment codes, list, revoke", Annotations: usesData, Args: noCommand, RunE: help}
	var asJSON bool
	code := &cobra.Command{
		Use:         "code NAME",
		Short:       "Make an enrolment code for the box NAME; it works once, for 24 hours",
		Annotations: usesPublic,
		Args:        exactly("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.openExisting(cmd, func(ctx context.Context, a *app.App) error {
				code, row, err := a.MakeCode(ctx, args[0])
				if err != nil {
					return err
				}
				shown := protocol.FormatCode(code)
				notes := ""
				if row.Replaced > 0 {
					notes = "The code that was open for this name before is revoked: only this one works.\n"
				}
				if !strings.HasPrefix(a.PublicURL(), "https://") {
					notes += "A box on another machine needs an https address (--public-url), or --plain for trying out.\n"
				}
				return p.print(asJSON, map[string]any{"code": shown, "name": row.Label, "expires_at": row.ExpiresAt, "replaced": row.Replaced},
					"On the box %s, type:\n\n  sudo illumi-agent enroll %s %s\n\nThe code works once, until %s.\n%s",
					row.Label, a.PublicURL(), shown, row.ExpiresAt.Local().Format("Mon "+clock), notes)
			})
		},
	}
	list := &cobra.Command{
		Use: "list", Short: "List the boxes and how they are", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.openExisting(cmd, func(ctx context.Context, a *app.App) error {
				devices, err := a.Boxes(ctx)
				if err != nil {
					return err
				}
				now := time.Now()
				out := make([]deviceJSON, 0, len(devices))
				rows := [][]string{{"NAME", "STATE", "LAST SEEN", "ID"}}
				for _, d := range devices {
					out = append(out, deviceJSON{d.ID, d.Name, string(d.Presence(now)), optional(d.LastSeenAt), d.Agent})
					seen := "–"
					if !d.LastSeenAt.IsZero() {
						seen = d.LastSeenAt.Local().Format(clock)
					}
					rows = append(rows, []string{d.Name, string(d.Presence(now)), seen, d.ID})
				}
				return p.table(asJSON, out, rows, "There is no box yet. Make a code: illumi-server device code NAME")
			})
		},
	}
	revoke := &cobra.Command{
		Use: "revoke NAME", Short: "End a box's right to this server for good", Args: exactly("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.openExisting(cmd, func(ctx context.Context, a *app.App) error {
				d, err := a.RevokeBox(ctx, args[0])
				if err != nil {
					return err
				}
				if !asJSON && !d.RevokedAt.IsZero() {
					return p.print(false, nil, "%s was revoked before, on %s. Nothing has changed.\n", d.Name, d.RevokedAt.Local().Format(clock))
				}
				return p.print(asJSON, map[string]string{"id": d.ID, "name": d.Name},
					"%s is revoked. A running server refuses its requests at once, and ends its connection within a minute or two.\n", d.Name)
			})
		},
	}
	device.PersistentFlags().BoolVar(&asJSON, "json", false, "print JSON")
	device.AddCommand(code, list, revoke)
	return device
}

// clock is how times are printed: local, with the zone's name.
const clock = "2 Jan 2006 15:04 MST"

type deviceJSON struct {
	ID       string     `json:"id"`
	Name     string     `json:"name"`
	State    string     `json:"state"`
	LastSeen *time.Time `json:"last_seen,omitempty"`
	Agent    string     `json:"agent"`
}

func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func help(cmd *cobra.Command, _ []string) error { return cmd.Help() }

// password asks at a terminal, twice; otherwise it is the first line of input.
func (p *program) password() (string, error) {
	if f, ok := p.stdio.In.(*os.File); ok && term.IsTerminal(int(f.Fd())) { //nolint:gosec // a descriptor is small
		first, err := p.ask(f, "Password (12 characters or more): ")
		if err != nil {
			return "", err
		}
		again, err := p.ask(f, "Once more: ")
		if err == nil && first != again {
			err = errors.New("the two passwords differ")
		}
		return first, err
	}
	line, err := bufio.NewReader(p.stdio.In).ReadString('\n')
	if err != nil && line == "" {
		return "", errUsage{errors.New("the password is missing; type it as the first line of input")}
	}
	return strings.TrimRight(line, "\r\n"), nil
}

func (p *program) ask(f *os.File, question string) (string, error) {
	if _, err := fmt.Fprint(p.stdio.Err, question); err != nil {
		return "", err
	}
	answer, err := term.ReadPassword(int(f.Fd())) //nolint:gosec // a descriptor is small
	if err != nil {
		return "", fmt.Errorf("the password cannot be read: %w", err)
	}
	_, err = fmt.Fprintln(p.stdio.Err)
	return string(answer), err
}

func (p *program) print(asJSON bool, v any, text string, args ...any) error {
	if asJSON {
		return p.json(v)
	}
	_, err := fmt.Fprintf(p.stdio.Out, text, args...)
	return err
}

func (p *program) json(v any) error {
	e := json.NewEncoder(p.stdio.Out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func (p *program) table(asJSON bool, v any, rows [][]string, empty string) error {
	if asJSON {
		return p.json(v)
	}
	if len(rows) == 1 {
		_, err := fmt.Fprintln(p.stdio.Out, empty)
		return err
	}
	w := tabwriter.NewWriter(p.stdio.Out, 0, 4, 2, ' ', 0)
	for _, r := range rows {
		if _, err := fmt.Fprintln(w, strings.Join(r, "\t")); err != nil {
			return err
		}
	}
	return w.Flush()
}
