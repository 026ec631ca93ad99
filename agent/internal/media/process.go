package media

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
)

// Program is a child process's program; the zero value takes the usual name
// from the search path.
type Program struct {
	Path string
	// Env is added to the environment.
	Env []string
}

// child is a running program in a process group of its own, so that whatever
// it starts ends with it.
type child struct {
	cmd    *exec.Cmd
	stderr tail
	waited chan struct{}
	err    error // of Wait, once waited is closed
}

// startChild starts program with the given pipes. The child dies with us.
func startChild(p Program, usual string, stdin io.Reader, stdout io.Writer, args ...string) (*child, error) {
	path := p.Path
	if path == "" {
		path = usual
	}
	c := &child{waited: make(chan struct{})}
	c.cmd = exec.Command(path, args...)
	c.cmd.Env = append(os.Environ(), p.Env...)
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = stdin, stdout, &c.stderr
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	// A grandchild that keeps our pipes open must not keep Wait.
	c.cmd.WaitDelay = lastWords
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", usual, err)
	}
	go func() {
		c.endGroup()
		c.err = c.cmd.Wait()
		close(c.waited)
	}()
	return c, nil
}

// byPid is waitid's P_PID, which package syscall does not name.
const byPid = 1

// endGroup waits for the child's end and takes with it what it started and left
// behind: that would keep the microphone or the camera open in the dark. The
// child is not yet reaped, so the number is still its own.
func (c *child) endGroup() {
	pid := c.cmd.Process.Pid
	for {
		_, _, errno := syscall.Syscall6(syscall.SYS_WAITID, byPid, uintptr(pid), 0, syscall.WEXITED|syscall.WNOWAIT, 0, 0)
		switch errno {
		case syscall.EINTR:
			continue
		case 0:
			_ = syscall.Kill(-pid, syscall.SIGKILL) // nobody is left, as a rule
		}
		return
	}
}

// signal reaches the whole group. A group that is gone is what was wanted.
func (c *child) signal(s syscall.Signal) error {
	select {
	case <-c.waited: // its number may be another's by now
		return nil
	default:
	}
	err := syscall.Kill(-c.cmd.Process.Pid, s)
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}

// kill ends the group at once and waits for the child, which is bounded by
// WaitDelay.
func (c *child) kill() error {
	err := c.signal(syscall.SIGKILL)
	<-c.waited
	return err
}

// wait gives the child's end, or kills it when ctx ends first.
func (c *child) wait(ctx context.Context) error {
	select {
	case <-c.waited:
		return c.failure()
	case <-ctx.Done():
		return errors.Join(ctx.Err(), c.kill())
	}
}

// failure tells what the program complained of last; ALSA's programs say it
// in their last line.
func (c *child) failure() error {
	if c.err == nil {
		return nil
	}
	if line := c.stderr.last(); line != "" {
		return fmt.Errorf("%s: %w", line, c.err)
	}
	return c.err
}

// tail keeps the end of what a program complains.
type tail struct {
	mu sync.Mutex
	b  []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	if len(t.b) > 2048 {
		t.b = bytes.Clone(t.b[len(t.b)-1024:])
	}
	return len(p), nil
}

func (t *tail) last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(string(t.b)), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
