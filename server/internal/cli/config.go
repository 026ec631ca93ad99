package cli

import (
	"fmt"
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
	f.String("name", d.Name, "this server's name, as people read it")
	f.String("tls-cert", "", "certificate file; with --tls-key the server speaks https itself")
	f.String("tls-key", "", "key file of --tls-cert")
	f.StringSlice("trusted-proxies", nil, "networks (10.0.0.0/8,…) whose X-Forwarded-For is believed")
	f.String("log-level", "info", "debug, info, warn or error")
}

// config reads file, environment and flags into one checked value. Unknown
// names are errors: a misspelt setting must not pass silently.
func (p *program) config(cmd *cobra.Command) (app.Config, slog.Level, error) {
	var level slog.Level
	flags := cmd.Flags()
	known := map[string]bool{}
	flags.VisitAll(func(f *pflag.Flag) { known[f.Name] = true })
	k := koanf.New(".")
	path := lookup(p.env, envPrefix+"CONFIG")
	if flags.Changed("config") {
		path = flags.Lookup("config").Value.String()
	}
	if path != "" {
		if err := k.Load(file.Provider(path), yaml.Parser()); err != nil {
			return app.Config{}, level, errUsage{fmt.Errorf("the settings file %s cannot be read: %w", path, err)}
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
		return app.Config{}, level, fmt.Errorf("the environment cannot be read: %w", err)
	}
	for _, name := range k.Keys() {
		if !known[name] {
			return app.Config{}, level, errUsage{fmt.Errorf("there is no setting %q", name)}
		}
	}
	get := func(name string) string {
		if flags.Changed(name) || !k.Exists(name) {
			return flags.Lookup(name).Value.String()
		}
		return k.String(name)
	}
	cfg := app.Config{
		Listen: get("listen"), PublicURL: get("public-url"), Data: get("data"), DB: get("db"), Mail: get("mail"),
		Name: get("name"), TLSCert: get("tls-cert"), TLSKey: get("tls-key"),
	}
	// systemd names the one directory that the service may write.
	if dir := lookup(p.env, "STATE_DIRECTORY"); dir != "" && !flags.Changed("data") && !k.Exists("data") {
		cfg.Data = dir
	}
	if cfg.TrustedProxies, err = flags.GetStringSlice("trusted-proxies"); err != nil {
		return cfg, level, err
	}
	if !flags.Changed("trusted-proxies") && k.Exists("trusted-proxies") {
		cfg.TrustedProxies = k.Strings("trusted-proxies")
		if cfg.TrustedProxies == nil {
			cfg.TrustedProxies = strings.Split(k.String("trusted-proxies"), ",")
		}
	}
	if (cfg.TLSCert == "") != (cfg.TLSKey == "") {
		return cfg, level, errUsage{fmt.Errorf("--tls-cert and --tls-key belong together")}
	}
	if err := level.UnmarshalText([]byte(get("log-level"))); err != nil {
		return cfg, level, errUsage{fmt.Errorf("there is no log level %q", get("log-level"))}
	}
	cfg.Data, err = filepath.Abs(cfg.Data)
	return cfg, level, err
}

func lookup(environ []string, name string) string {
	i := slices.IndexFunc(environ, func(kv string) bool { return strings.HasPrefix(kv, name+"=") })
	if i < 0 {
		return ""
	}
	return environ[i][len(name)+1:]
}

// dataExists tells an administration command from a first start: it must not
// make a database in a wrong place.
func dataExists(cfg app.Config) error {
	if cfg.DB != "" {
		return nil
	}
	if _, err := os.Stat(filepath.Join(cfg.Data, "illumi.db")); err != nil {
		return fmt.Errorf("there is no illumi database in %s; give --data, or start the server first: %w", cfg.Data, err)
	}
	return nil
}
