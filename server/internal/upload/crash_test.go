package upload

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"illumi/protocol"
	"illumi/server/internal/blob"
)

// The test binary is also the server that gets killed.
const (
	envRoot = "ILLUMI_TEST_UPLOAD_ROOT"
	envStep = "ILLUMI_TEST_UPLOAD_STEP"
)

func TestMain(m *testing.M) {
	if root := os.Getenv(envRoot); root != "" {
		if err := crashServer(root, os.Getenv(envStep)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// crashServer serves until it is killed, by itself at a step of Finish.
func crashServer(root, step string) error {
	b, err := openBook(filepath.Join(root, "book.json"))
	if err != nil {
		return err
	}
	s, err := openService(root, b, time.Minute, time.Now)
	if err != nil {
		return err
	}
	s.at = func(at string) {
		if at == step {
			// Nothing that a program could do on its way out is done.
			if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
				panic(err)
			}
			select {}
		}
	}
	if strings.HasPrefix(step, "nolink") {
		s.link = func(string, string) error { return syscall.EPERM }
		if step == "nolink kept" {
			at := s.at
			s.at = func(now string) { at("nolink " + now) }
		}
	}
	h, err := mount(s)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	return http.Serve(l, h)
}

// child starts the server; it ends with the test at the latest.
func child(t *testing.T, root, step string) (client, *exec.Cmd) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), envRoot+"="+root, envStep+"="+step)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the server did not start: %v", err)
	}
	return client{t: t, url: "http://" + strings.TrimSpace(line), box: "box-1"}, cmd
}

func kill(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
}

func TestCrash_AtEveryStep(t *testing.T) {
	data := wav(1, 440)
	for _, step := range []string{
		"complete", "checked", "inspected", "shared", "linked", "kept", "recorded", "dropped",
	} {
		t.Run(step, func(t *testing.T) {
			root := t.TempDir()
			box, first := child(t, root, step)
			at := box.create(protocol.RoleAudio, data)
			if out, err := box.try(http.MethodPatch, at, strings.NewReader(string(data)), patchHeader(0)...); err == nil {
				t.Fatalf("answered %d and should have died", out.status)
			}
			_ = first.Wait() // it killed itself
			box, second := child(t, root, "")
			want(t, "no byte is sent again", box.offset(at), len(data))
			kill(t, second)
			stored(t, root, idOf(at), data)
		})
	}
}

func TestCrash_WhileReceiving(t *testing.T) {
	root := t.TempDir()
	data := wav(2, 440)
	box, server := child(t, root, "")
	at := box.create(protocol.RoleAudio, data)
	file := filepath.Join(root, "uploads", idOf(at))
	sent := 0
	for _, n := range []int{0, 1, 4096, 10000, len(data) - 1} {
		box.dialPatch(at, sent, data[sent:], n-sent)
		waitSize(t, file, n)
		kill(t, server)
		box, server = child(t, root, "")
		sent = box.offset(at)
		want(t, "offset", sent, n)
	}
	want(t, "last byte", box.patch(at, sent, data[sent:]).status, http.StatusNoContent)
	kill(t, server)
	stored(t, root, idOf(at), data)
}

func TestCrash_WithoutHardLinksCostsTheBytes(t *testing.T) {
	root := t.TempDir()
	data := wav(1, 440)
	box, first := child(t, root, "nolink kept")
	at := box.create(protocol.RoleAudio, data)
	if _, err := box.try(http.MethodPatch, at, strings.NewReader(string(data)), patchHeader(0)...); err == nil {
		t.Fatal("should have died")
	}
	_ = first.Wait() // it killed itself
	box, second := child(t, root, "")
	want(t, "begin anew", box.do(http.MethodHead, at, nil).status, http.StatusNotFound)
	at = box.create(protocol.RoleAudio, data)
	want(t, "patch", box.patch(at, 0, data).status, http.StatusNoContent)
	kill(t, second)
	stored(t, root, idOf(at), data)
}

// stored checks that exactly one upload is recorded, its bytes are right, and
// nothing else is left.
func stored(t *testing.T, root, id string, data []byte) {
	t.Helper()
	b, err := openBook(filepath.Join(root, "book.json"))
	if err != nil {
		t.Fatal(err)
	}
	u := b.rows[id]
	if len(b.rows) != 1 || u.Media.SHA256 != sum(data) || u.Media.Size != int64(len(data)) {
		t.Fatalf("recorded: %+v", b.rows)
	}
	blobs, err := blob.Open(filepath.Join(root, "media"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := blobs.Close(); err != nil {
			t.Error(err)
		}
	}()
	var n int
	if err := blobs.Walk(func(string, int64, time.Time) error { n++; return nil }); err != nil {
		t.Fatal(err)
	}
	want(t, "blobs", n, 2)
	for _, digest := range []string{u.Media.SHA256, u.Media.SharedSHA256} {
		if err := blobs.Verify(t.Context(), digest); err != nil {
			t.Error(err)
		}
	}
	left, err := os.ReadDir(filepath.Join(root, "uploads"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
