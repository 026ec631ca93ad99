package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"illumi/server/internal/app"
)

const envPrefix = "ILLUMI_"

// settings declares every setting; its flag's name is its name in the file,
// and upper case with underscores in the environment.
func settings(f *pflag.FlagSet) {
	d := app.Defaults()
	f.String("config", "", "YAML file with settings")
	f.String("listen", d.Listen, "address and port to listen on")
	f.String("public-url", "", "how browsers and boxes reach this server (default: from --listen)")
	f.String("data", d.Data, "directory for the database and all media")
	f.String("db", "", "sqlite:PATH or mysql://USER:PASSWORD@HOST:PORT/NAME (default: SQLite in --data)")
	f.String("mail", d.Mail, `smtp://USER:PASSWORD@HOST:PORT?from=ADDRESS, smtps://…, or "log": write mails to files in --data`)
	f.String("server-name", d.Name, "this server's name, as people read it")
	f.String("tls-cert", "", "certificate file; with --tls-key the server speaks https itself")
	f.String("tls-key", "", "key file of --tls-cert")
	f.StringSlice("trusted-proxies", nil, "networks (10.0.0.0/8,…) whose X-Forwarded-For is believed")
	f.StringSlice("hook-networks", nil, "private networks (10.0.0.0/8,…) that webhooks may reach")
	f.String("debug-listen", "", "where metrics (/metrics) and profiles are shown, such as 127.0.0.1:9090; this machine alone (default: nowhere)")
	f.String("log-level", "info", "debug, info, warn or error")
}

// config reads file, environment and flags into one checked value. Unknown
// names are errors: a misspelt setting must not pass silently.
func (p *program) config(cmd *cobra.Command) (app.Config, slog.Level, error) {
	var level slog.Level
	flags := cmd.Flags()
	k, err := p.values(flags)
	if err != nil {
		return app.Config{}, level, err
	}
	get := func(name string) string {
		if flags.Changed(name) || !k.Exists(name) {
			return flags.Lookup(name).Value.String()
		}
		return k.String(name)
	}
	cfg := app.Config{
		Listen: get("listen"), PublicURL: get("public-url"), Data: get("data"), DB: get("db"), Mail: get("mail"),
		Name: get("server-name"), DebugListen: get("debug-listen"), TLSCert: get("tls-cert"), TLSKey: get("tls-key"),
	}
	// systemd names the one directory that the service may write.
	if dir, _, _ := strings.Cut(lookup(p.env, "STATE_DIRECTORY"), ":"); dir != "" && !flags.Changed("data") && !k.Exists("data") {
		cfg.Data = dir
	}
	if cfg.TrustedProxies, err = networks(flags, k, "trusted-proxies"); err != nil {
		return cfg, level, err
	}
	if cfg.HookNetworks, err = networks(flags, k, "hook-networks"); err != nil {
		return cfg, level, err
	}
	if (cfg.TLSCert == "") != (cfg.TLSKey == "") {
		return cfg, level, errUsage{errors.New("--tls-cert and --tls-key belong together")}
	}
	if err := level.UnmarshalText([]byte(get("log-level"))); err != nil {
		return cfg, level, errUsage{fmt.Errorf("there is no log level %q; choose debug, info, warn or error", get("log-level"))}
	}
	cfg.Data, err = filepath.Abs(cfg.Data)
	return cfg, level, err
}

// asServed lets a command that was not told how the server is reached say what
// the running server says.
func (p *program) asServed(cmd *cobra.Command, cfg *app.Config) error {
	k, err := p.values(cmd.Flags())
	if err != nil {
		return err
	}
	for _, name := range []string{"listen", "public-url", "tls-cert"} {
		if k.Exists(name) || cmd.Flags().Changed(name) {
			return nil
		}
	}
	cfg.PublicURL, err = app.KeptAddress(cfg.Data)
	return err
}

// networks reads a setting that is a list: of a flag, of YAML, or of words in the
// environment.
func networks(flags *pflag.FlagSet, k *koanf.Koanf, name string) ([]string, error) {
	list, err := flags.GetStringSlice(name)
	if err != nil || flags.Changed(name) || !k.Exists(name) {
		return list, err
	}
	if list = k.Strings(name); len(list) == 0 {
		list = strings.FieldsFunc(k.String(name), func(r rune) bool { return r == ',' || r == ' ' })
	}
	return list, nil
}

// values is what the file and, over it, the environment say.
func (p *program) values(flags *pflag.FlagSet) (*koanf.Koanf, error) {
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	settings(all)
	k := koanf.New(".")
	check := func(where string) error {
		for _, name := range k.Keys() {
			if all.Lookup(name) == nil {
				return errUsage{fmt.Errorf("there is no setting %q, which %s gives", name, where)}
			}
		}
		return nil
	}
	path := lookup(p.env, envPrefix+"CONFIG")
	if flags.Changed("config") {
		path = flags.Lookup("config").Value.String()
	}
	if path != "" {
		if err := k.Load(file.Provider(path), yaml.Parser()); err != nil {
			return nil, errUsage{fmt.Errorf("the settings file %s cannot be read: %w", path, err)}
		}
		if err := check(path); err != nil {
			return nil, err
		}
	}
	err := k.Load(env.Provider(".", env.Opt{
		Prefix:      envPrefix,
		EnvironFunc: func() []string { return p.env },
		TransformFunc: func(name, value string) (string, any) {
			name = strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(name, envPrefix)), "_", "-")
			if strings.HasPrefix(name, "test-") || strings.HasPrefix(name, "agent-") {
				return "", nil // other programs' settings
			}
			return name, value
		},
	}), nil)
	if err != nil {
		return nil, fmt.Errorf("the environment cannot be read: %w", err)
	}
	return k, check("the environment (" + envPrefix + "…)")
}

func lookup(environ []string, name string) string {
	i := slices.IndexFunc(environ, func(kv string) bool { return strings.HasPrefix(kv, name+"=") })
	if i < 0 {
		return ""
	}
	return environ[i][len(name)+1:]
}

// dataExists tells an administration command from a first start: it must not
// make a database, or a server key, in a wrong place.
func dataExists(cfg app.Config) error {
	needed := []string{"server.key"}
	if cfg.DB == "" {
		needed = append(needed, "illumi.db")
	}
	for _, name := range needed {
		_, err := os.Stat(filepath.Join(cfg.Data, name))
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("there is no illumi server in %s; give the --data that it uses, or start it first", cfg.Data)
		}
		if err != nil {
			return fmt.Errorf("the server's data cannot be read: %w", err)
		}
	}
	return nil
}
