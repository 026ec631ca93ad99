// Package config turns file, environment and flags into one value that is
// checked once. Nobody else reads settings, and nobody prints a secret.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"

	"illumi/protocol"
)

// EnvPrefix begins every environment variable of the agent: ILLUMI_AGENT_STATE_DIR
// is state_dir in the file and --state-dir on the command line.
const EnvPrefix = "ILLUMI_AGENT_"

// Keys of the file.
const (
	keyServer   = "server"
	keyServerID = "server_id"
	keyDevice   = "device"
	keyName     = "name"
	keySecret   = "secret"
	keyStateDir = "state_dir"
	keyPlain    = "plain"
	keyLog      = "log"
)

var keys = []string{keyServer, keyServerID, keyDevice, keyName, keySecret, keyStateDir, keyPlain, keyLog}

// Errors a caller may act on.
var (
	// ErrNotEnrolled: the box does not know its server yet (exit code 3).
	ErrNotEnrolled = errors.New("this box is not enrolled yet; run: illumi-agent enroll https://SERVER CODE")
	// ErrAddress: the server's address cannot be used.
	ErrAddress = errors.New("the server's address is wrong")
)

// Config is everything the agent was told.
type Config struct {
	Identity
	// StateDir is where the spool lives; a full path.
	StateDir string
	// Plain allows http to another machine: only for trying out, recordings
	// could be overheard.
	Plain bool
	Log   slog.Level
}

// Options say where to look. Flags win over the environment, that over the
// file, that over the defaults.
type Options struct {
	File  string            // "" for none; an absent file is a box not yet enrolled
	Env   []string          // as os.Environ
	Flags map[string]string // by key of the file; only what was given
	// StateDir is the default where systemd's STATE_DIRECTORY says nothing.
	StateDir string
}

// Load reads and checks. A box that is not enrolled loads well; Enrolled tells.
func Load(o Options) (Config, error) {
	k := koanf.New(".")
	if o.File != "" {
		if err := loadFile(k, o.File); err != nil {
			return Config{}, err
		}
	}
	fromEnv := env.Provider(".", env.Opt{Prefix: EnvPrefix, EnvironFunc: func() []string { return o.Env },
		TransformFunc: func(key, value string) (string, any) {
			return strings.ToLower(strings.TrimPrefix(key, EnvPrefix)), value
		}})
	if err := k.Load(fromEnv, nil); err != nil {
		return Config{}, fmt.Errorf("config: read the environment: %w", err)
	}
	for key, value := range o.Flags {
		if err := k.Set(key, value); err != nil {
			return Config{}, fmt.Errorf("config: set --%s: %w", key, err)
		}
	}
	for _, key := range k.Keys() {
		if !slices.Contains(keys, key) {
			return Config{}, fmt.Errorf("config: there is no setting %.40q; the settings are %s", key, strings.Join(keys, ", "))
		}
	}
	return check(k, o)
}

// loadFile refuses a file that others can read: it holds the box's secret.
func loadFile(k *koanf.Koanf, name string) error {
	fi, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("config: %w", err)
	}
	if !fi.Mode().IsRegular() {
		return fmt.Errorf("config: %s is not a file", name)
	}
	if mode := fi.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("config: others can read the box's secret in %s (mode %04o); run: chmod 600 %s", name, mode, strconv.Quote(name))
	}
	if err := k.Load(file.Provider(name), yaml.Parser()); err != nil {
		return fmt.Errorf("config: %s is not YAML: %w", name, err)
	}
	return nil
}

func check(k *koanf.Koanf, o Options) (Config, error) {
	var c Config
	var err error
	text := map[string]string{}
	for _, key := range keys {
		switch v := k.Get(key).(type) {
		case nil:
		case string:
			text[key] = v
		case bool, int, int64, float64:
			text[key] = fmt.Sprint(v)
		default:
			return c, fmt.Errorf("config: %s is not a single value", key)
		}
	}
	if s := text[keyPlain]; s != "" {
		if c.Plain, err = strconv.ParseBool(s); err != nil {
			return c, fmt.Errorf("config: plain is %.20q; say true or false", s)
		}
	}
	if s := text[keyLog]; s != "" {
		if err := c.Log.UnmarshalText([]byte(s)); err != nil {
			return c, fmt.Errorf("config: log is %.20q; say debug, info, warn or error", s)
		}
	}
	if c.StateDir, err = stateDir(text[keyStateDir], o); err != nil {
		return c, err
	}
	c.Identity = Identity{Server: text[keyServer], ServerID: text[keyServerID], Device: text[keyDevice], Name: text[keyName], Secret: Secret(text[keySecret])}
	if c.Identity == (Identity{}) {
		return c, nil
	}
	if err := c.check(c.Plain); err != nil {
		return c, fmt.Errorf("config: %w", err)
	}
	return c, nil
}

func stateDir(dir string, o Options) (string, error) {
	if dir == "" {
		for _, pair := range o.Env {
			if v, ok := strings.CutPrefix(pair, "STATE_DIRECTORY="); ok {
				dir, _, _ = strings.Cut(v, ":") // systemd joins several by colons
			}
		}
	}
	if dir == "" {
		dir = o.StateDir
	}
	if dir == "" {
		return "", errors.New("config: no state_dir; say where the box keeps its whispers")
	}
	full, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("config: state_dir: %w", err)
	}
	return full, nil
}

// Enrolled returns ErrNotEnrolled for a box without identity.
func (c Config) Enrolled() error {
	if c.Identity == (Identity{}) {
		return ErrNotEnrolled
	}
	return nil
}

// Server checks a server's address as an installer types it and returns it in
// the one spelling that is kept. Without TLS only this machine is allowed,
// unless plain says otherwise.
func Server(typed string, plain bool) (string, error) {
	typed = strings.TrimSpace(typed)
	if !strings.Contains(typed, "://") {
		scheme := "https://"
		if bare, err := url.Parse("//" + typed); err == nil && loopback(bare.Hostname()) {
			scheme = "http://" // nobody can overhear this machine's own wire
		}
		return "", fmt.Errorf("%w: %.80q; write it with %s in front", ErrAddress, typed, scheme)
	}
	u, err := url.Parse(typed)
	switch {
	case err != nil || u.Hostname() == "":
		return "", fmt.Errorf("%w: %.80q names no host", ErrAddress, typed)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "", fmt.Errorf("%w: %.80q; leave out user name, ? and #", ErrAddress, u.Redacted())
	case u.Scheme == "https", u.Scheme == "http" && (plain || loopback(u.Hostname())):
	case u.Scheme == "http":
		return "", fmt.Errorf("%w: http would let others overhear; use https://", ErrAddress)
	default:
		return "", fmt.Errorf("%w: %.80q; write it with https:// in front", ErrAddress, typed)
	}
	u.Host = strings.ToLower(u.Host)
	return u.Scheme + "://" + u.Host + strings.TrimRight(u.EscapedPath(), "/"), nil
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// Identity is what enrolment gives a box: where it belongs and as whom.
type Identity struct {
	Server   string // base address
	ServerID string
	Device   string
	Name     string
	Secret   Secret
}

func (i Identity) check(plain bool) error {
	if server, err := Server(i.Server, plain); err != nil {
		return err
	} else if server != i.Server {
		return fmt.Errorf("%w: write it as %s", ErrAddress, server)
	}
	if _, ok := protocol.CleanName(i.Name); !ok {
		return fmt.Errorf("name %.40q cannot be a box's name", i.Name)
	}
	switch {
	case !protocol.ValidID(i.Device):
		return errors.New("device is not an id; enrol the box again")
	case !protocol.ValidSecret(string(i.Secret)):
		return errors.New("secret is not 64 hex digits; enrol the box again")
	case i.ServerID == "":
		return errors.New("server_id is missing; enrol the box again")
	}
	return nil
}

// String names the box without its secret.
func (i Identity) String() string {
	return fmt.Sprintf("%s (%s) at %s", i.Name, i.Device, i.Server)
}

// LogValue is what logs see.
func (i Identity) LogValue() slog.Value {
	return slog.GroupValue(slog.String("device", i.Device), slog.String("server", i.Server))
}
