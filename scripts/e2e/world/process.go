package world

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Process is one program of ours that runs, or ran. Its standard output and
// error go to one file; its standard input is empty unless said otherwise.
type Process struct {
	Name string
	cmd  *exec.Cmd
	log  string
	done chan struct{}
	err  error // of Wait; read after done
}

// command describes a start.
type command struct {
	name  string
	path  string
	args  []string
	env   []string
	input string
}

// start runs a program in a process group of its own, so that Ctrl-C reaches
// it only through us, and tells the kernel to kill it when we die.
func (w *World) start(c command) (*Process, error) {
	p := &Process{Name: c.name, log: filepath.Join(w.dir, "logs", c.name+".log"), done: make(chan struct{})}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", c.name, err)
	}
	p.cmd = exec.Command(c.path, c.args...)
	p.cmd.Dir = w.dir
	p.cmd.Env = append(w.environment(), c.env...)
	p.cmd.Stdin = strings.NewReader(c.input)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return nil, errors.Join(errors.New("the world has ended"), log.Close())
	}
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", c.name, err), log.Close())
	}
	w.running[p] = true
	go func() {
		p.err = p.cmd.Wait()
		_ = log.Close() // the program wrote it, not we
		w.mu.Lock()
		delete(w.running, p)
		w.mu.Unlock()
		close(p.done)
	}()
	return p, nil
}

// PID is the process's number while it runs.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Running reports whether the process has not ended.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Kill ends the process like a power cut and waits until it is gone.
func (p *Process) Kill() {
	p.signal(syscall.SIGKILL)
	<-p.done
}

// Stop asks the process to end, waits, and kills it where it does not listen;
// then, or where it ends with another code than 0, that is an error.
func (p *Process) Stop(patience time.Duration) error {
	p.signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(patience):
		p.Kill()
		return fmt.Errorf("%s did not end within %s of SIGTERM\n%s", p.Name, patience, p.Tail(1500))
	}
	if p.err != nil {
		return fmt.Errorf("%s ended badly: %w\n%s", p.Name, p.err, p.Tail(1500))
	}
	return nil
}

// signal reaches the whole group: a box's player is a child of the agent.
func (p *Process) signal(s syscall.Signal) {
	if p.Running() {
		_ = syscall.Kill(-p.PID(), s) // it may end at this moment
	}
}

// Tail is the end of what the process said, at most about n bytes in whole lines.
func (p *Process) Tail(n int64) string { return tail(p.log, n) }

func tail(path string, n int64) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	cut := false
	if st, err := f.Stat(); err == nil && st.Size() > n {
		if _, err := f.Seek(-n, io.SeekEnd); err != nil {
			return ""
		}
		cut = true
	}
	data, err := io.ReadAll(f)
	if err != nil {
		return ""
	}
	text := string(data)
	if cut {
		if _, after, found := strings.Cut(text, "\n"); found {
			text = after
		}
	}
	return strings.TrimRight(text, "\n")
}

// memory reads a line such as VmHWM of a process's status, in bytes.
func memory(pid int, line string) (int64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for l := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(l, line+":"); ok {
			var kb int64
			if _, err := fmt.Sscanf(strings.TrimSpace(rest), "%d kB", &kb); err != nil {
				return 0, fmt.Errorf("read %s: %w", line, err)
			}
			return kb << 10, nil
		}
	}
	return 0, fmt.Errorf("process %d shows no %s", pid, line)
}

// PeakMemory is the most that the process had resident since its start or
// since ResetPeak, in bytes.
func (p *Process) PeakMemory() (int64, error) { return memory(p.PID(), "VmHWM") }

// Memory is what the process has resident now, in bytes.
func (p *Process) Memory() (int64, error) { return memory(p.PID(), "VmRSS") }

// ResetPeak makes PeakMemory start anew from now.
func (p *Process) ResetPeak() error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.PID()), []byte("5"), 0)
}

// waitAll waits for processes to end.
func waitAll(list []*Process, each func(*Process)) {
	var all sync.WaitGroup
	for _, p := range list {
		all.Go(func() { each(p) })
	}
	all.Wait()
}
