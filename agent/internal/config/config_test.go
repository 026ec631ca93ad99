package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/knadh/koanf/parsers/yaml"
)

var secret = strings.Repeat("5e", 32)

var identity = Identity{Server: "https://whispers.example.org", ServerID: "01930d5e-7c1a-7000-8000-00000000f001",
	Device: "01930d5e-7c1a-7000-8000-00000000d001", Name: "janeeyre", Secret: Secret(secret)}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestSave_LoadsBack(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "etc", "agent.yaml")
	for _, name := range []string{"janeeyre", "yes", "007", "null", "1e3", "a: b", "# x", "Oma Müllers Kästchen", "'\"", "<script>", "~", "0x10", "2026-11-20"} {
		i := identity
		i.Name = name
		must(t, Save(file, i, false))
		c, err := Load(Options{File: file, StateDir: dir})
		must(t, err)
		if c.Identity != i {
			t.Errorf("%q came back as %q", name, c.Name)
		}
		must(t, c.Enrolled())
	}
	fi, err := os.Stat(file)
	must(t, err)
	if fi.Mode().Perm() != 0o600 {
		t.Errorf("mode %04o", fi.Mode().Perm())
	}
	if list, err := os.ReadDir(filepath.Dir(file)); err != nil || len(list) != 1 {
		t.Errorf("left behind: %v %v", list, err)
	}
}

func TestSave_KeepsOtherSettingsAndRefusesNonsense(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "agent.yaml")
	must(t, os.WriteFile(file, []byte("state_dir: /var/lib/box\nlog: debug\n"), 0o600))
	must(t, Save(file, identity, false))
	c, err := Load(Options{File: file})
	must(t, err)
	if c.StateDir != "/var/lib/box" || c.Log != slog.LevelDebug {
		t.Errorf("lost a setting: %+v", c)
	}
	before, err := os.ReadFile(file)
	must(t, err)
	for _, change := range []func(*Identity){
		func(i *Identity) { i.Secret = "" },
		func(i *Identity) { i.Device = "../x" },
		func(i *Identity) { i.Name = "a\r\nb" },
		func(i *Identity) { i.Server = "http://example.org" },
		func(i *Identity) { i.ServerID = "" },
	} {
		i := identity
		change(&i)
		err := Save(file, i, false)
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("saved, or told the secret: %v", err)
		}
	}
	after, err := os.ReadFile(file)
	must(t, err)
	if !bytes.Equal(before, after) {
		t.Error("a refused save changed the file")
	}
}

func TestLoad_WhatWins(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "agent.yaml")
	must(t, os.WriteFile(file, []byte("state_dir: /from/file\nlog: warn\n"), 0o600))
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{StateDir: "/from/default"}, "/from/default"},
		{Options{StateDir: "/from/default", Env: []string{"STATE_DIRECTORY=/from/systemd:/and/more"}}, "/from/systemd"},
		{Options{File: file, StateDir: "/from/default", Env: []string{"STATE_DIRECTORY=/from/systemd"}}, "/from/file"},
		{Options{File: file, Env: []string{"ILLUMI_AGENT_STATE_DIR=/from/env", "ILLUMI_OTHER=x"}}, "/from/env"},
		{Options{File: file, Env: []string{"ILLUMI_AGENT_STATE_DIR=/from/env"}, Flags: map[string]string{"state_dir": "/from/flag"}}, "/from/flag"},
	} {
		got, err := Load(c.o)
		if err != nil || got.StateDir != c.want {
			t.Errorf("got %q %v, want %q", got.StateDir, err, c.want)
		}
	}
	c, err := Load(Options{File: filepath.Join(dir, "absent.yaml"), StateDir: dir})
	must(t, err)
	if !errors.Is(c.Enrolled(), ErrNotEnrolled) {
		t.Error("a box without file is enrolled")
	}
}

func TestLoad_Refuses(t *testing.T) {
	dir := t.TempDir()
	good := fmt.Sprintf("server: %s\nserver_id: s\ndevice: %s\nname: janeeyre\nsecret: %q\n", identity.Server, identity.Device, secret)
	for name, c := range map[string]struct {
		text, complaint string
		mode            os.FileMode
	}{
		"fine":             {good, "", 0o600},
		"others can read":  {good, "chmod 600", 0o644},
		"no YAML":          {"server: [", "not YAML", 0o600},
		"a list":           {"server: [a, b]\n", "not a single value", 0o600},
		"a typing mistake": {good + "sever: x\n", "no setting", 0o600},
		"half an identity": {"server: https://example.org\n", "name", 0o600},
		"plain is no word": {good + "plain: maybe\n", "true or false", 0o600},
		"log is no level":  {good + "log: loud\n", "debug, info", 0o600},
		"plain http":       {strings.Replace(good, "https", "http", 1), "overhear", 0o600},
		"allowed http":     {strings.Replace(good, "https", "http", 1) + "plain: true\n", "", 0o600},
		"a short secret":   {strings.Replace(good, secret, secret[1:], 1), "64 hex digits", 0o600},
	} {
		file := filepath.Join(dir, "agent.yaml")
		must(t, os.WriteFile(file, []byte(c.text), 0o600))
		must(t, os.Chmod(file, c.mode))
		_, err := Load(Options{File: file, StateDir: dir})
		if c.complaint == "" && err != nil || c.complaint != "" && (err == nil || !strings.Contains(err.Error(), c.complaint)) {
			t.Errorf("%s: %v, want %q", name, err, c.complaint)
		}
		if err != nil && strings.Contains(err.Error(), secret[1:]) {
			t.Errorf("%s: the complaint tells the secret", name)
		}
	}
	if _, err := Load(Options{}); err == nil {
		t.Error("no state directory")
	}
	if _, err := Load(Options{StateDir: dir, Env: []string{"ILLUMI_AGENT_SEVER=x"}}); err == nil {
		t.Error("took an unknown variable")
	}
}

func TestServer(t *testing.T) {
	for typed, want := range map[string]string{
		" https://Whispers.Example.org/ ": "https://whispers.example.org",
		"https://example.org/illumi/":     "https://example.org/illumi",
		"http://127.0.0.1:8080":           "http://127.0.0.1:8080",
		"http://[::1]:8080/":              "http://[::1]:8080",
		"http://LOCALHOST:8080":           "http://localhost:8080",
		"example.org":                     "",
		"http://example.org":              "",
		"http://localhost.example.org":    "",
		"ftp://example.org":               "",
		"https://":                        "",
		"https://u:p@example.org":         "",
		"https://example.org?x":           "",
		"":                                "",
	} {
		got, err := Server(typed, false)
		if got != want || (err == nil) != (want != "") || err != nil && !errors.Is(err, ErrAddress) {
			t.Errorf("%q: %q %v", typed, got, err)
		}
		if err != nil && strings.Contains(err.Error(), "u:p") {
			t.Errorf("the complaint tells a password: %v", err)
		}
	}
	if got, err := Server("http://192.168.1.2", true); err != nil || got != "http://192.168.1.2" {
		t.Error(got, err)
	}
}

func TestSecret_IsNeverPrinted(t *testing.T) {
	c := Config{Identity: identity}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "config", c, "identity", identity, "secret", identity.Secret, "any", []any{identity})
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "config", c, "identity", identity, "secret", identity.Secret, "any", []any{identity})
	js, err := json.Marshal(c)
	must(t, err)
	for _, s := range []string{log.String(), string(js), fmt.Sprint(c), fmt.Sprintf("%+v %#v %s %q %x %d", identity, identity, identity.Secret, identity.Secret, identity.Secret, identity.Secret),
		fmt.Sprint(&identity), fmt.Sprintf("%#v", &c), identity.String(), fmt.Errorf("%v", c).Error()} {
		if strings.Contains(s, secret[:16]) || strings.Contains(s, fmt.Sprintf("%x", secret)[:16]) {
			t.Errorf("printed: %s", s)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte("server: https://example.org\nname: 7\n"))
	f.Add([]byte("a: &a [*a]\n"))
	f.Add([]byte("server: {a.b: c}\nlog: -4\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file := filepath.Join(t.TempDir(), "agent.yaml")
		must(t, os.WriteFile(file, data, 0o600))
		c, err := Load(Options{File: file, StateDir: "/x"})
		if err != nil || c.Enrolled() != nil {
			return
		}
		if err := c.check(c.Plain); err != nil {
			t.Fatalf("loaded what does not pass: %v", err)
		}
		if _, err := yaml.Parser().Unmarshal(data); err != nil {
			t.Fatal(err)
		}
	})
}
