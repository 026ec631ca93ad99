package e2e_test

import (
	"bufio"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

var printed = regexp.MustCompile(`http://127\.0\.0\.1:\d+[^\s,]*`)

// TestDemo_Addresses opens each address that the demo prints, as the person
// does whom it tells to, and stops it by Ctrl-C before the whisper is complete.
func TestDemo_Addresses(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "demorun"), "--bin", bin, "--me", "janeeyre")
	cmd.Env = append(os.Environ(), "TMPDIR="+scratch(t))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	late := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() }) // it may have ended by itself
	defer late.Stop()
	lines := bufio.NewScanner(out)
	var said strings.Builder
	addresses := map[string]bool{}
	var password string
	for !strings.Contains(said.String(), "yours: it waits") || !strings.Contains(said.String(), "beargrylls  ") {
		if !lines.Scan() {
			t.Fatalf("the demo ended: %v\n%s", cmd.Wait(), said.String())
		}
		said.WriteString(lines.Text() + "\n")
		for _, a := range printed.FindAllString(lines.Text(), -1) {
			addresses[a] = true
		}
		if word, ok := strings.CutPrefix(strings.TrimSpace(lines.Text()), "password "); ok {
			password = strings.TrimSpace(word)
		}
	}
	visit(t, addresses, password, said.String())
	must(t, cmd.Process.Signal(syscall.SIGINT))
	rest, err := io.ReadAll(out)
	must(t, err)
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 130 {
		t.Errorf("Ctrl-C before the end: %v\n%s%s", err, said.String(), rest)
	}
}

// visit signs in and opens them all.
func visit(t *testing.T, addresses map[string]bool, password, said string) {
	t.Helper()
	var server string
	jar, err := cookiejar.New(nil)
	must(t, err)
	browser := http.Client{Jar: jar, Timeout: 20 * time.Second}
	read := func(res *http.Response, err error) (int, string) {
		t.Helper()
		must(t, err)
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		must(t, err)
		return res.StatusCode, string(body)
	}
	boxes, whispers := 0, 0
	for a := range addresses {
		if base, _, ok := strings.Cut(a, "/whispers/"); ok {
			server = base
		}
	}
	code, body := read(browser.PostForm(server+"/sign-in", url.Values{"email": {"rosa@demo.example"}, "password": {password}, "next": {"/"}}))
	if code != http.StatusOK || strings.Contains(body, `name="password"`) {
		t.Fatalf("signing in as the demo says: %d\n%s", code, said)
	}
	for a := range addresses {
		code, body := read(browser.Get(a))
		switch {
		case code != http.StatusOK:
			t.Errorf("%s answers %d", a, code)
		case strings.Contains(a, "/whispers/"):
			whispers++
			if !strings.Contains(body, "An evening by the sea") {
				t.Errorf("%s is not the whisper's page", a)
			}
		case strings.Contains(body, "simulated box"):
			boxes++
		case a != server:
			t.Errorf("%s is neither a box nor the server", a)
		}
	}
	if boxes != 3 || whispers != 1 {
		t.Errorf("%d boxes' pages and %d whisper's pages were printed:\n%s", boxes, whispers, said)
	}
}
