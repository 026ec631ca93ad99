package world

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"time"
)

// Agent is a simulated box: a process of illumi-agent and the state that it
// keeps between starts.
type Agent struct {
	Name string
	// Code is its enrolment code; giving it again after the first start is harmless.
	Code string
	// Server is where it finds the server; empty: the world's own address.
	Server string
	// Speed of its pacing, 1 being a person's.
	Speed int
	// Auto makes it answer by itself.
	Auto bool
	// AnswerAudio is a recording to answer with instead of generated speech.
	AnswerAudio string
	// Page is the port of its page on loopback; 0: none.
	Page int

	w *World
	p *Process
}

// NewAgent makes a box with an enrolment code; nothing runs yet.
func (w *World) NewAgent(ctx context.Context, name string) (*Agent, error) {
	code, err := w.Code(ctx, name)
	if err != nil {
		return nil, err
	}
	return &Agent{Name: name, Code: code, Speed: 1, Auto: true, w: w}, nil
}

// Start starts the agent, or starts it again on the state that it left.
func (a *Agent) Start() error {
	if err := os.MkdirAll(a.Dir(), 0o700); err != nil {
		return fmt.Errorf("make the box's folder: %w", err)
	}
	server := a.Server
	if server == "" {
		server = a.w.URL()
	}
	args := []string{"simulate", "--state", a.Dir(), "--name", a.Name, "--speed", strconv.Itoa(max(a.Speed, 1))}
	if a.Auto {
		args = append(args, "--auto")
	}
	if a.AnswerAudio != "" {
		args = append(args, "--answer-audio", a.AnswerAudio)
	}
	if a.Page > 0 {
		args = append(args, "--listen", fmt.Sprintf("127.0.0.1:%d", a.Page))
	}
	p, err := a.w.start(command{
		name: "box-" + fileName(a.Name), path: a.w.program("illumi-agent"), args: append(args, server, a.Code),
	})
	a.p = p
	return err
}

// Dir is the agent's state directory.
func (a *Agent) Dir() string { return a.w.BoxDir(a.Name) }

// Process is the agent's process of the last start; nil before it.
func (a *Agent) Process() *Process { return a.p }

// PageURL is where the box can be seen and answered in a browser; the box
// prints it at its start, with a key, once it is enrolled.
func (a *Agent) PageURL() (string, error) {
	data, err := os.ReadFile(a.p.log)
	if err != nil {
		return "", fmt.Errorf("read what %s printed: %w", a.Name, err)
	}
	found := regexp.MustCompile(fmt.Sprintf(`http://127\.0\.0\.1:%d/\S*`, a.Page)).FindAll(data, -1)
	if found == nil {
		return "", fmt.Errorf("the box %s printed no address of its page", a.Name)
	}
	return string(found[len(found)-1]), nil
}

// WaitOnline waits until the server has heard of every named box, and fails
// early where an agent gave up.
func (w *World) WaitOnline(ctx context.Context, agents []*Agent, each func(name string)) (map[string]Device, error) {
	told := map[string]bool{}
	for {
		boxes, err := w.Devices(ctx)
		if err != nil {
			return nil, err
		}
		missing := 0
		for _, a := range agents {
			switch d, known := boxes[a.Name]; {
			case known && d.State == "online":
				if !told[a.Name] {
					told[a.Name] = true
					each(a.Name)
				}
			case a.p != nil && !a.p.Running():
				return nil, fmt.Errorf("the box %s ended:\n%s", a.Name, a.p.Tail(2000))
			default:
				missing++
			}
		}
		if missing == 0 {
			return boxes, nil
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("%d boxes did not come online", missing), ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}
