package world

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// readyTime bounds a server's start: migrations on a slow disk included.
const readyTime = 90 * time.Second

// StartServer starts the server, or starts it again on the same port and
// data, and waits until it answers.
func (w *World) StartServer(ctx context.Context) error {
	args := slices.Concat([]string{"serve", "--listen", w.Addr()}, w.serverArgs(), w.opt.Serve)
	p, err := w.start(command{name: "server", path: w.program("illumi-server"), args: args})
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.server = p
	w.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	for {
		if err := ping(ctx, w.URL()+"/readyz"); err == nil {
			return nil
		}
		select {
		case <-p.Done():
			return fmt.Errorf("the server ended while starting:\n%s", p.Tail(2000))
		case <-ctx.Done():
			return fmt.Errorf("the server was not ready in time: %w\n%s", ctx.Err(), p.Tail(2000))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (w *World) serverArgs() []string {
	args := []string{"--data", w.Data(), "--public-url", w.URL()}
	if w.opt.DB != "" {
		args = append(args, "--db", w.opt.DB)
	}
	if w.opt.Mail != "" {
		args = append(args, "--mail", w.opt.Mail)
	}
	if w.opt.LogLevel != "" {
		args = append(args, "--log-level", w.opt.LogLevel)
	}
	return args
}

// Server is the server's process.
func (w *World) Server() *Process {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.server
}

func ping(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", address, res.Status)
	}
	return nil
}

var setupAddress = regexp.MustCompile(`https?://\S+/setup#(\S+)`)

// SetupToken is the one-time key that the server printed at its first start.
func (w *World) SetupToken() (string, error) {
	data, err := os.ReadFile(filepath.Join(w.dir, "logs", "server.log"))
	if err != nil {
		return "", fmt.Errorf("read what the server printed: %w", err)
	}
	m := setupAddress.FindAllStringSubmatch(string(data), -1)
	if m == nil {
		return "", errors.New("the server printed no address for making the administrator")
	}
	return url.PathUnescape(m[len(m)-1][1])
}

// command runs an administration command of illumi-server beside the running
// server and reads its JSON answer.
func (w *World) command(ctx context.Context, answer any, input string, args ...string) error {
	args = append(args, "--json")
	cmd := exec.CommandContext(ctx, w.program("illumi-server"), append(args, w.serverArgs()...)...)
	cmd.Dir, cmd.Env = w.dir, w.environment()
	cmd.Stdin = strings.NewReader(input)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("illumi-server %s: %w: %s", strings.Join(args[:2], " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	if err := json.Unmarshal(stdout.Bytes(), answer); err != nil {
		return fmt.Errorf("illumi-server %s: its answer cannot be read: %w", strings.Join(args[:2], " "), err)
	}
	return nil
}

// AddUser makes an account with the server's command.
func (w *World) AddUser(ctx context.Context, email, name, role, password string) error {
	var answer struct{ ID string }
	return w.command(ctx, &answer, password+"\n", "user", "add", email, "--name", name, "--role", role)
}

// Code makes an enrolment code for a box.
func (w *World) Code(ctx context.Context, box string) (string, error) {
	var answer struct{ Code string }
	err := w.command(ctx, &answer, "", "device", "code", box)
	return answer.Code, err
}

// Device is a box as `illumi-server device list` shows it.
type Device struct {
	ID, Name, State, Agent string
	LastSeen               *time.Time `json:"last_seen"`
}

// Devices lists the boxes by name.
func (w *World) Devices(ctx context.Context) (map[string]Device, error) {
	var list []Device
	if err := w.command(ctx, &list, "", "device", "list"); err != nil {
		return nil, err
	}
	boxes := map[string]Device{}
	for _, d := range list {
		boxes[d.Name] = d
	}
	return boxes, nil
}

// Mails reads the mails that the server wrote to files, oldest first.
func (w *World) Mails() ([][]byte, error) {
	paths, err := filepath.Glob(filepath.Join(w.Data(), "mail", "*.eml"))
	if err != nil {
		return nil, err
	}
	slices.Sort(paths)
	var mails [][]byte
	for _, p := range paths {
		data, err := os.ReadFile(p)
		if err != nil {
			return nil, fmt.Errorf("read a mail: %w", err)
		}
		mails = append(mails, data)
	}
	return mails, nil
}
