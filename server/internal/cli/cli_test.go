package cli

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"illumi/protocol"
	"illumi/server/internal/app"
)

type result struct {
	code     int
	out, err string
}

// run runs the program as a person would, with no terminal.
func run(t *testing.T, input string, env []string, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	code := Run(t.Context(), args, Stdio{In: strings.NewReader(input), Out: &out, Err: &errs}, env)
	return result{code, out.String(), errs.String()}
}

// served makes the data of a server that was started once.
func served(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	if r := run(t, "", nil, "migrate", "--data", dir); r.code != 0 {
		t.Fatalf("%+v", r)
	}
	return dir
}

func (r result) is(t *testing.T, code int, out, errs string) {
	t.Helper()
	if r.code != code || !strings.Contains(r.out, out) || !strings.Contains(r.err, errs) || errs == "" && r.err != "" {
		t.Errorf("exit %d\nstdout: %s\nstderr: %s\nwant %d, %q, %q", r.code, r.out, r.err, code, out, errs)
	}
}

func TestHelp_OfEveryCommand(t *testing.T) {
	for _, command := range []string{"", "serve", "migrate", "user", "user add", "user passwd", "user list", "device", "device code", "device list", "device revoke", "version"} {
		t.Run(command, func(t *testing.T) {
			r := run(t, "", nil, append(strings.Fields(command), "--help")...)
			r.is(t, 0, "Usage:\n  illumi-server", "")
			for line := range strings.Lines(r.out) {
				if n := len([]rune(strings.TrimRight(line, "\n"))); n > 160 {
					t.Errorf("a line of %d characters: %s", n, line)
				}
			}
			if first, _, _ := strings.Cut(r.out, "\n"); first == "" || strings.HasPrefix(first, "Usage") {
				t.Error("it does not say what it is for")
			}
		})
	}
	run(t, "", nil).is(t, 0, "Running:\n", "")
	run(t, "", nil, "version").is(t, 0, fmt.Sprintf("illumi-server %s (wire version %d)\n", protocol.Build, protocol.Version), "")
	run(t, "", nil, "--help").is(t, 0, "Exit codes: 0 done, 1 failed, 2 wrong usage", "")
	run(t, "", nil, "--version").is(t, 0, "illumi-server "+protocol.Build+"\n", "")
	run(t, "", nil, "completion", "bash").is(t, 0, "illumi-server", "")
}

// A command's help shows the settings that it uses, and takes all of them.
func TestHelp_ShowsOnlyWhatIsUsed(t *testing.T) {
	for command, want := range map[string]string{
		"serve":       "config data db debug-listen hook-networks listen log-level mail public-url server-name tls-cert tls-key trusted-proxies",
		"migrate":     "config data db log-level",
		"user add":    "config data db json log-level name role",
		"device list": "config data db json log-level",
		"device code": "config data db json listen log-level public-url tls-cert tls-key",
		"version":     "",
	} {
		out := run(t, "", nil, append(strings.Fields(command), "--help")...).out
		var got []string
		for _, m := range regexp.MustCompile(`(?m)^ +(?:-h, )?--([a-z-]+)`).FindAllStringSubmatch(out, -1) {
			if m[1] != "help" {
				got = append(got, m[1])
			}
		}
		slices.Sort(got)
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %s\nwant %s", command, strings.Join(got, " "), want)
		}
	}
}

func TestUsage_IsExit2(t *testing.T) {
	dir := served(t)
	run(t, "four words will do\n", nil, "user", "add", "ada@example.org", "--data", dir).is(t, 0, "can sign in now", "")
	file := filepath.Join(t.TempDir(), "s.yml")
	write := func(text string) string {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	for _, tc := range []struct {
		args string
		env  []string
		errs string
	}{
		{"sing", nil, `there is no command "sing"`},
		{"sreve", nil, `did you mean serve?`},
		{"device revok x", nil, `there is no command "revok"; did you mean revoke?`},
		{"--loud", nil, "unknown flag: --loud"},
		{"serve --port 80", nil, "unknown flag: --port"},
		{"serve now", nil, `"now" is not expected here`},
		{"user add", nil, "EMAIL is missing"},
		{"device code a b", nil, `"b" is not expected here`},
		{"user list --data", nil, "flag needs an argument"},
		{"user list --tls-cert x", nil, "--tls-cert and --tls-key belong together"},
		{"user list --log-level loud", nil, `there is no log level "loud"; choose debug, info, warn or error`},
		{"user list", []string{"ILLUMI_LISTNE=:80"}, `there is no setting "listne", which the environment (ILLUMI_…) gives`},
		{"user list", []string{"ILLUMI_CONFIG=/nowhere.yml"}, "the settings file /nowhere.yml cannot be read"},
		{"user list --config " + write("lisen: :80\n"), nil, `there is no setting "lisen", which ` + file + ` gives`},
		{"user list", []string{"ILLUMI_JSON=true"}, `there is no setting "json"`},
		{"user passwd ada@example.org", nil, "the password is missing; type it as the first line of input"},
		{"user add b@example.org --role king", nil, `there is no role "king"; choose researcher, administrator or installer`},
		{"serve --public-url foo", nil, `the public URL, --public-url "foo", is not an address like https://illumi.example.org`},
		{"serve --listen 8080", nil, `the address to listen on, --listen "8080", is not like 127.0.0.1:8080`},
		{"serve --listen 127.0.0.1:http80 --public-url http://x", nil, `--listen "127.0.0.1:http80"`},
		{"serve --mail foo", nil, "--mail is neither log nor like smtp://mail.example.org"},
		{"serve --mail smtp://x:0", nil, "--mail: the port is not between 1 and 65535"},
		{"serve --db postgres://x/y", nil, "--db cannot be used: a database's address is sqlite:PATH, mysql://"},
		{"serve --trusted-proxies here", nil, `the trusted proxy "here" in --trusted-proxies is not a network`},
	} {
		run(t, "", tc.env, append([]string{"--data=" + dir}, strings.Fields(tc.args)...)...).is(t, 2, "", tc.errs)
	}
	run(t, "", nil, "user", "list", "--config", write("listen: [\n")).is(t, 2, "", "cannot be read")
}

// Flag over environment over file over default.
func TestConfig_Precedence(t *testing.T) {
	file := filepath.Join(t.TempDir(), "settings.yml")
	text := "listen: file:1\nserver-name: from file\ndb: sqlite:/from/file\ntrusted-proxies: [10.0.0.0/8, 192.168.0.0/16]\nlog-level: warn\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{"ILLUMI_CONFIG=" + file, "ILLUMI_LISTEN=env:1", "ILLUMI_SERVER_NAME=from env", "ILLUMI_TEST_MYSQL=x", "ILLUMI_AGENT_SERVER=x", "HOME=/"}
	read := func(env []string, args ...string) app.Config {
		t.Helper()
		p := &program{env: env}
		root := p.root()
		cmd, rest, err := root.Find(append([]string{"serve"}, args...))
		if err == nil {
			err = cmd.ParseFlags(rest)
		}
		if err != nil {
			t.Fatal(err)
		}
		cfg, _, err := p.config(cmd)
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	got := read(env, "--listen=flag:1")
	if got.Listen != "flag:1" || got.Name != "from env" || got.DB != "sqlite:/from/file" || got.Mail != "log" {
		t.Errorf("%+v", got)
	}
	if len(got.TrustedProxies) != 2 || got.TrustedProxies[1] != "192.168.0.0/16" {
		t.Errorf("proxies from the file: %q", got.TrustedProxies)
	}
	got = read(append(env, "ILLUMI_TRUSTED_PROXIES=fd00::/8, 10.0.0.0/8"))
	if len(got.TrustedProxies) != 2 || got.TrustedProxies[0] != "fd00::/8" || got.TrustedProxies[1] != "10.0.0.0/8" {
		t.Errorf("proxies from the environment: %q", got.TrustedProxies)
	}
	if got := read(append(env, "ILLUMI_TRUSTED_PROXIES=fd00::/8"), "--trusted-proxies", "1.0.0.0/8,2.0.0.0/8"); len(got.TrustedProxies) != 2 || got.TrustedProxies[0] != "1.0.0.0/8" {
		t.Errorf("proxies from the flag: %q", got.TrustedProxies)
	}
	if got := read([]string{"STATE_DIRECTORY=/var/lib/illumi:/var/lib/other"}); got.Data != "/var/lib/illumi" {
		t.Errorf("systemd's directory: %s", got.Data)
	}
	if got := read([]string{"STATE_DIRECTORY=/var/lib/illumi", "ILLUMI_DATA=/srv/illumi"}); got.Data != "/srv/illumi" {
		t.Errorf("a chosen directory: %s", got.Data)
	}
}

func TestUsers(t *testing.T) {
	dir := served(t)
	do := func(input string, args ...string) result { return run(t, input, nil, append(args, "--data", dir)...) }
	do("", "user", "list").is(t, 0, "There is no account yet.\n", "")
	do("four words will do\n", "user", "add", "Ann@Example.org", "--name", "Ann Lee", "--role", "administrator").is(t, 0, "ann@example.org can sign in now.\n", "")
	do("four words will do", "user", "add", "bo@example.org").is(t, 0, "bo@example.org can sign in now.\n", "")
	do("four words will do\n", "user", "add", "ANN@example.org").is(t, 1, "", "There is an account with this address already.")
	do("short\n", "user", "add", "cy@example.org").is(t, 1, "", "This password is too short. Use 12 characters or more")
	do("four words will do\n", "user", "add", "no address").is(t, 1, "", "This is not an e-mail address.")
	do("four words will do\n", "user", "add", "cy@example.org", "--role", "king").is(t, 2, "", `there is no role "king"`)
	do("other words will do\n", "user", "passwd", "bo@example.org").is(t, 0, "The password of bo@example.org is changed.\n", "")
	do("", "user", "passwd", "nobody@example.org").is(t, 1, "", "There is no account with this address. See the list: illumi-server user list.")
	list := do("", "user", "list")
	list.is(t, 0, "ann@example.org  Ann Lee  administrator  ", "")
	list.is(t, 0, "bo@example.org   bo       researcher     ", "")
	var users []struct{ ID, Email, Name, Role string }
	decode(t, do("", "user", "list", "--json"), &users)
	if len(users) != 2 || users[0].Email != "ann@example.org" || !protocol.ValidID(users[0].ID) || users[1].Role != "researcher" {
		t.Errorf("%+v", users)
	}
}

func decode(t *testing.T, r result, v any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(r.out))
	if err := d.Decode(v); r.code != 0 || err != nil || d.More() {
		t.Fatalf("%+v: %v", r, err)
	}
}

func TestDevices(t *testing.T) {
	dir := served(t)
	do := func(args ...string) result {
		return run(t, "", []string{"ILLUMI_PUBLIC_URL=https://illumi.example.org"}, append(args, "--data", dir)...)
	}
	do("device", "list").is(t, 0, "There is no box yet. Make a code: illumi-server device code NAME\n", "")
	made := do("device", "code", "conan doyle")
	made.is(t, 0, "illumi-agent enroll https://illumi.example.org ", "")
	if !regexp.MustCompile(`enroll https://illumi\.example\.org [` + protocol.CodeAlphabet + `]{5}-[` + protocol.CodeAlphabet + `]{5}\n`).MatchString(made.out) {
		t.Errorf("no code in %s", made.out)
	}
	var code struct {
		Code, Name string
		ExpiresAt  string `json:"expires_at"`
	}
	decode(t, do("device", "code", "janeeyre", "--json"), &code)
	if _, ok := protocol.NormalizeCode(code.Code); !ok || code.Name != "janeeyre" || code.ExpiresAt == "" {
		t.Errorf("%+v", code)
	}
	do("device", "code", "janeeyre").is(t, 0, "The code that was open for this name before is revoked: only this one works.\n", "")
	const https = "A box on another machine needs an https address (--public-url), or --plain for trying out.\n"
	run(t, "", nil, "device", "code", "here", "--data", dir).is(t, 0, https, "")
	if strings.Contains(made.out, https) {
		t.Errorf("an address that is well is called none: %s", made.out)
	}
	do("device", "code", "a\x00b").is(t, 1, "", "This name is too long or has characters that cannot be shown.")
	var none []any
	decode(t, do("device", "list", "--json"), &none)
	do("device", "revoke", "janeeyre").is(t, 1, "", `There is no box called "janeeyre". See the list: illumi-server device list.`)
}

// A code is no use with an address at which nobody listens: the command says
// the one of the server that uses the data, unless it is told another.
func TestDeviceCode_SaysWhereTheServerIs(t *testing.T) {
	dir := served(t)
	code := func(env []string, args ...string) string {
		t.Helper()
		r := run(t, "", env, append([]string{"device", "code", "janeeyre", "--data", dir}, args...)...)
		_, after, ok := strings.Cut(r.out, "illumi-agent enroll ")
		if !ok || r.code != 0 {
			t.Fatalf("%+v", r)
		}
		return strings.Fields(after)[0]
	}
	if got := code(nil); got != "http://127.0.0.1:8080" {
		t.Errorf("before it was ever started it is at %s", got)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	out, in := io.Pipe()
	go func() {
		ended <- Run(ctx, []string{"serve", "--data", dir, "--listen", at}, Stdio{In: strings.NewReader(""), Out: in, Err: io.Discard}, nil)
		_ = in.Close() // nobody reads on
	}()
	if _, err := out.Read(make([]byte, 1)); err != nil { // it says that it listens
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }() // until it ends
	for want, got := range map[string]string{
		"http://" + at:               code(nil),
		"http://127.0.0.1:1":         code(nil, "--listen", "127.0.0.1:1"),
		"https://illumi.example.org": code([]string{"ILLUMI_PUBLIC_URL=https://illumi.example.org"}),
	} {
		if got != want {
			t.Errorf("it is at %s, not %s", got, want)
		}
	}
	stop()
	if c := <-ended; c != 0 {
		t.Errorf("the server ended with %d", c)
	}
	if got := code(nil); got != "http://"+at {
		t.Errorf("after its end it is at %s", got)
	}
}

// An administration command must not make a server in a wrong place.
func TestAdministration_NeedsAServersData(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "typo")
	for _, args := range [][]string{{"user", "list"}, {"device", "code", "x"}, {"device", "list", "--db", "mysql://u:p@127.0.0.1:1/x"}} {
		run(t, "", nil, append(args, "--data", dir)...).is(t, 1, "", "there is no illumi server in "+dir)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("something was made: %v", err)
	}
}

// A newer command must not change the database under an older server.
func TestAdministration_LeavesAnOlderDatabaseAlone(t *testing.T) {
	dir := served(t)
	run(t, "four words will do\n", nil, "user", "add", "ann@example.org", "--data", dir).is(t, 0, "", "")
	db, err := sql.Open("sqlite", filepath.Join(dir, "illumi.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := db.Exec("DELETE FROM goose_db_version WHERE version_id = (SELECT MAX(version_id) FROM goose_db_version)"); err != nil {
		t.Fatal(err)
	}
	version := func() (v int) {
		if err := db.QueryRow("SELECT MAX(version_id) FROM goose_db_version").Scan(&v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	older := version()
	run(t, "", nil, "user", "list", "--data", dir).is(t, 1, "", "was made by an older illumi-server; stop that one")
	if v := version(); v != older {
		t.Errorf("the schema went from %d to %d", older, v)
	}
	run(t, "", nil, "migrate", "--data", dir).is(t, 0, "up to date", "")
	run(t, "", nil, "user", "list", "--data", dir).is(t, 0, "ann@example.org", "")
}

func TestServe_TellsWhatIsWrong(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := taken.Close(); err != nil {
			t.Error(err)
		}
	}()
	dir := served(t)
	run(t, "", nil, "serve", "--data", dir, "--listen", taken.Addr().String()).is(t, 1, "", taken.Addr().String()+" is in use; is another server running there? Choose another address with --listen")
	run(t, "", nil, "serve", "--data", dir, "--db", "mysql://u:hunter2@127.0.0.1:1/x").is(t, 1, "", "the database cannot be reached; is it running, and is every part of --db right? The cause: store: reach 127.0.0.1:1/x: ")
	// A database that a newer program made.
	newer := served(t)
	db, err := sql.Open("sqlite", filepath.Join(newer, "illumi.db"))
	if err == nil {
		_, err = db.ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)")
	}
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, "", nil, "serve", "--data", newer, "--listen", "127.0.0.1:0")
	r.is(t, 1, "", "has schema 9999, this program knows")
	if strings.Count(r.err, "\n") != 1 {
		t.Errorf("it is not one line: %s", r.err)
	}
}

// serve prints where the first administrator is made, answers, lets commands
// work beside it, and stops with 0 when it is told to.
func TestServe(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, in := io.Pipe()
	var errs bytes.Buffer
	code := make(chan int, 1)
	go func() {
		code <- Run(ctx, []string{"serve", "--data", dir, "--listen", "127.0.0.1:0"}, Stdio{In: strings.NewReader(""), Out: in, Err: &errs}, nil)
		_ = in.Close() // a pipe in memory
	}()
	banner := make([]byte, 0, 1024)
	setup := regexp.MustCompile(`(http://127\.0\.0\.1:\d+)/setup#[A-Z2-7-]+\n`)
	for setup.FindSubmatch(banner) == nil {
		part := make([]byte, 512)
		n, err := out.Read(part)
		if err != nil {
			t.Fatalf("%s %s: %v", banner, errs.String(), err)
		}
		banner = append(banner, part[:n]...)
	}
	address := string(setup.FindSubmatch(banner)[1])
	resp, err := http.Get(address + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Errorf("ready: %d", resp.StatusCode)
	}
	do := func(args ...string) result { return run(t, "", nil, append(args, "--data", dir)...) }
	do("device", "code", "x").is(t, 0, "On the box x, type:", "")
	var made struct{ Code string }
	decode(t, do("device", "code", "Jane Eyre", "--json"), &made)
	body := `{"code":"` + made.Code + `","secret":"` + strings.Repeat("ab", 32) + `","board_model":"","board_serial":"b","agent":"t 1","version":1,"capabilities":{"buttons":1}}`
	resp, err = http.Post(address+protocol.PathEnroll, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Fatalf("enrol: %d", resp.StatusCode)
	}
	do("device", "list").is(t, 0, "Jane Eyre", "")
	var boxes []struct{ Name, State, Agent string }
	decode(t, do("device", "list", "--json"), &boxes)
	if len(boxes) != 1 || boxes[0].State != "not online yet" || boxes[0].Agent != "t 1" {
		t.Errorf("%+v", boxes)
	}
	do("device", "revoke", "jane eyre").is(t, 0, "Jane Eyre is revoked. ", "")
	do("device", "revoke", "jane eyre").is(t, 0, "Jane Eyre was revoked before, on ", "")
	decode(t, do("device", "list", "--json"), &boxes)
	if len(boxes) != 1 || boxes[0].State != "revoked" {
		t.Errorf("%+v", boxes)
	}
	run(t, "", nil, "serve", "--data", dir, "--listen", "127.0.0.1:0").is(t, 1, "", "another server uses "+filepath.Join(dir, "uploads"))
	cancel()
	if c := <-code; c != 0 {
		t.Errorf("exit %d: %s", c, errs.String())
	}
	token := regexp.MustCompile(`#([A-Z2-7-]+)`).FindStringSubmatch(string(banner))[1]
	if strings.Contains(errs.String(), token) || !strings.Contains(errs.String(), "msg=stopped") {
		t.Errorf("log: %s", errs.String())
	}
}
