package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"illumi/agent/internal/daemon"
	"illumi/protocol"
)

// freshBox is a machine with a server, and what its service does when started:
// it answers at the box's socket as a box does.
type freshBox struct {
	*program
	out, err bytes.Buffer
	server   *enrolServer
	check    protocol.Check // what its self-test finds
	during   func()         // the self-test; may be nil

	mu    sync.Mutex
	asked []daemon.Ask
}

func newFreshBox(t *testing.T) *freshBox {
	b := &freshBox{server: newEnrolServer(t), check: protocol.Check{Kind: protocol.CheckSelfTest, Items: []protocol.CheckItem{
		{Part: "lights", Verdict: protocol.VerdictOK, Text: "The light was seen, and the button works."},
	}}}
	t.Cleanup(b.server.Close)
	root := t.TempDir()
	for name, text := range map[string]string{"etc/machine-id": "0123456789abcdef0123456789abcdef\n", "etc/modprobe.d/other.conf": ""} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(root, "proc"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/proc/locks", filepath.Join(root, "proc/locks")); err != nil {
		t.Fatal(err)
	}
	b.program = &program{stdio: Stdio{In: strings.NewReader(""), Out: &b.out, Err: &b.err}, root: root}
	b.service = func(context.Context) error {
		state := filepath.Join(root, "var/lib/illumi-agent")
		hold(t, filepath.Join(state, "lock"))
		l, err := net.Listen("unix", controlSocket(state))
		if err != nil {
			return err
		}
		t.Cleanup(func() { _ = l.Close() }) // it only ends Accept
		go b.serve(l)
		return nil
	}
	return b
}

// hold locks a file as a running box locks its state directory.
func hold(t *testing.T, name string) {
	f, err := os.Create(name)
	if err != nil {
		t.Error(err)
		return
	}
	t.Cleanup(func() { f.Close() })
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Error(err)
	}
}

func (b *freshBox) serve(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		line, err := bufio.NewReader(c).ReadBytes('\n')
		var a daemon.Ask
		if err == nil {
			err = json.Unmarshal(line, &a)
		}
		if err == nil {
			b.answer(json.NewEncoder(c), a)
		}
		_ = c.Close() // all was said
	}
}

func (b *freshBox) answer(out *json.Encoder, a daemon.Ask) {
	told := []daemon.Told{{Done: true}}
	switch a.Do {
	case daemon.AskStatus:
		told[0].Now = &daemon.Now{Status: protocol.Status{State: "IDLE"}}
	case string(protocol.CheckSelfTest):
		if b.during != nil {
			b.during()
		}
		told = []daemon.Told{{Item: &b.check.Items[0]}, {Check: &b.check, Done: true}}
	}
	if a.Do != daemon.AskStatus {
		b.mu.Lock()
		b.asked = append(b.asked, a)
		b.mu.Unlock()
	}
	for _, t := range told {
		_ = out.Encode(t) // or nobody hears of it
	}
}

func (b *freshBox) did() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []string
	for _, a := range b.asked {
		list = append(list, strings.TrimSpace(a.Do+" "+a.Installer))
	}
	return strings.Join(list, ", ")
}

// One command, from nothing to a box that was tested and waits with a practice
// whisper.
func TestEnroll_ToTheEnd(t *testing.T) {
	b := newFreshBox(t)
	code := b.run(t.Context(), []string{"enroll", b.server.URL, "ABCDE-FGHJK", "--installer", "Bessie"})
	want := []string{"Address ", "Server  ", "Code    ", "Key     ", "Written ", "Service ", "Self-test ", "ok      lights ", "Practice "}
	lines := strings.Split(strings.TrimSpace(b.out.String()), "\n")
	if code != exitDone || b.err.Len() > 0 {
		t.Fatalf("ends with %d: %s", code, b.err.String())
	}
	at := 0
	for _, l := range lines {
		if at < len(want) && strings.HasPrefix(l, want[at]) {
			at++
		}
	}
	if at < len(want) {
		t.Errorf("no %q in its place:\n%s", want[at], b.out.String())
	}
	if !strings.Contains(b.out.String(), "its code is 6614") {
		t.Errorf("the code is not said:\n%s", b.out.String())
	}
	if got := b.did(); got != "selftest Bessie, practice" {
		t.Errorf("the box did %s", got)
	}
	if fi, err := os.Stat(filepath.Join(b.root, "etc/illumi/agent.yaml")); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", fi, err)
	}
}

func TestEnroll_ATestThatFails(t *testing.T) {
	b := newFreshBox(t)
	b.check.Items[0] = protocol.CheckItem{Part: "lights", Verdict: protocol.VerdictFailed, Text: "The light was not seen.", Next: "Check the button cable."}
	code := b.run(t.Context(), []string{"enroll", b.server.URL, "ABCDE-FGHJK"})
	if code != exitHardware || !strings.Contains(b.err.String(), "Not well: lights.") || b.did() != "selftest, practice" {
		t.Errorf("ends with %d, did %s: %s", code, b.did(), b.err.String())
	}
}

// Ctrl-C in the middle of the test: a whole box, and what is left to do.
func TestEnroll_StoppedDuringItsTest(t *testing.T) {
	b := newFreshBox(t)
	ctx, cancel := context.WithCancel(t.Context())
	b.during = cancel
	code := b.run(ctx, []string{"enroll", b.server.URL, "ABCDE-FGHJK"})
	if want := "illumi-agent: The box is enrolled and runs. Its test was stopped. Test it later: sudo illumi-agent selftest\n"; code != exitFailed || b.err.String() != want {
		t.Errorf("ends with %d: %s", code, b.err.String())
	}
	if b.did() != "selftest" {
		t.Errorf("did %s", b.did())
	}
}

func TestEnroll_WithoutTestOrService(t *testing.T) {
	b := newFreshBox(t)
	if code := b.run(t.Context(), []string{"enroll", b.server.URL, "ABCDE-FGHJK", "--no-test"}); code != exitDone || b.did() != "" {
		t.Errorf("ends with %d, did %s: %s", code, b.did(), b.err.String())
	}
	b = newFreshBox(t)
	b.service = func(context.Context) error { return errNoService }
	if code := b.run(t.Context(), []string{"enroll", b.server.URL, "ABCDE-FGHJK"}); code != exitDone || !strings.Contains(b.out.String(), "Next: illumi-agent run\n") {
		t.Errorf("ends with %d: %s", code, b.out.String())
	}
	b = newFreshBox(t)
	b.service = func(context.Context) error { return errors.New("the service did not start (failed)") }
	if code := b.run(t.Context(), []string{"enroll", b.server.URL, "ABCDE-FGHJK"}); code != exitFailed ||
		!strings.Contains(b.err.String(), "The box is enrolled, but the service did not start (failed). Look at it with: illumi-agent doctor") {
		t.Errorf("ends with %d: %s", code, b.err.String())
	}
}

// Ctrl-C before that: no box at all, and the same command goes on.
func TestEnroll_StoppedBefore(t *testing.T) {
	b := newFreshBox(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if code := b.run(ctx, []string{"enroll", b.server.URL, "ABCDE-FGHJK"}); code != exitFailed || !strings.Contains(b.err.String(), "Stopped before the end.") {
		t.Errorf("ends with %d: %s", code, b.err.String())
	}
	if _, err := os.Stat(filepath.Join(b.root, "etc/illumi/agent.yaml")); err == nil {
		t.Error("half a box was written")
	}
	if code := b.run(t.Context(), []string{"enroll", b.server.URL, "ABCDE-FGHJK", "--no-test"}); code != exitDone {
		t.Errorf("ends with %d: %s", code, b.err.String())
	}
}

// A code is looked for with the box's camera, so the box rests meanwhile. It is
// started again whatever comes of that, Ctrl-C too.
func TestWhileStopped(t *testing.T) {
	b := newFreshBox(t)
	if code := b.run(t.Context(), []string{"enroll", b.server.URL, "ABCDE-FGHJK", "--no-test"}); code != exitDone {
		t.Fatalf("ends with %d: %s", code, b.err.String())
	}
	var did []string
	b.service = func(ctx context.Context) error {
		did = append(did, "start")
		return ctx.Err()
	}
	b.stopper = func(context.Context) error {
		did = append(did, "stop")
		return nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := b.whileStopped(ctx, filepath.Join(b.root, "var/lib/illumi-agent"), func() error {
		did = append(did, "look")
		cancel()
		return ctx.Err()
	})
	if !errors.Is(err, context.Canceled) || strings.Join(did, " ") != "stop look start" {
		t.Errorf("%v, %v", did, err)
	}
	did, b.stopper = nil, func(context.Context) error { return errNoService }
	err = b.whileStopped(t.Context(), filepath.Join(b.root, "var/lib/illumi-agent"), func() error { return nil })
	if f, ok := errors.AsType[*failure](err); !ok || !strings.Contains(f.Error(), "Stop it for this") || len(did) != 0 {
		t.Errorf("%v, %v", did, err)
	}
	if err := b.whileStopped(t.Context(), t.TempDir(), func() error { return nil }); err != nil {
		t.Errorf("a box that does not run: %v", err)
	}
}

// Somebody says their story while the box is being enrolled for another home:
// the box stays what it was until that is sent, and the same command goes on.
func TestEnroll_AnAnswerMeanwhile(t *testing.T) {
	b := newFreshBox(t)
	answer := filepath.Join(b.root, "var/lib/illumi-agent/outbox/01930d5e-7c1a-7000-8000-000000000001")
	asked := 0
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == protocol.PathEnroll {
			if asked++; asked == 2 {
				if err := os.MkdirAll(answer, 0o700); err != nil {
					t.Error(err)
				}
			}
		}
		b.server.Config.Handler.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	file := filepath.Join(b.root, "etc/illumi/agent.yaml")
	enroll := func(want int, args ...string) string {
		t.Helper()
		b.out.Reset()
		b.err.Reset()
		if code := b.run(t.Context(), append([]string{"enroll", front.URL, "ABCDE-FGHJK", "--no-test"}, args...)); code != want {
			t.Fatalf("code %d\n%s%s", code, b.out.String(), b.err.String())
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	b.service = func(context.Context) error { return nil }
	before := enroll(0)
	if now := enroll(exitUnreachable, "--again"); now != before || !strings.Contains(b.err.String(), "As another box it cannot send them") {
		t.Errorf("the box became another one\n%s", b.err.String())
	}
	if err := os.Remove(answer); err != nil { // it was sent
		t.Fatal(err)
	}
	if now := enroll(0, "--again"); now == before {
		t.Error("the same command did not go on")
	}
}

// The box becomes another one only where its first start will begin anew, and
// stays what it is where that cannot be noted.
func TestEnroll_NoIdentityWithoutAMark(t *testing.T) {
	b := newFreshBox(t)
	b.service = func(context.Context) error { return nil }
	file, state := filepath.Join(b.root, "etc/illumi/agent.yaml"), filepath.Join(b.root, "var/lib/illumi-agent")
	mark := filepath.Join(state, "anew-"+device)
	enroll := func() int {
		return b.run(t.Context(), []string{"enroll", b.server.URL, "ABCDE-FGHJK", "--no-test"})
	}
	if err := os.MkdirAll(filepath.Join(mark, "in its place"), 0o700); err != nil {
		t.Fatal(err)
	}
	if code := enroll(); code != exitFailed {
		t.Errorf("code %d\n%s", code, b.err.String())
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("the box is a new one, and the next start does not know")
	}
	if err := os.RemoveAll(mark); err != nil {
		t.Fatal(err)
	}
	if code := enroll(); code != 0 {
		t.Errorf("code %d\n%s", code, b.err.String())
	}
	if _, err := os.Stat(mark); err != nil {
		t.Error(err)
	}
}
