package daemon

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"time"

	"illumi/protocol"
)

// Ask is what a command of this machine asks of the running box, one line of
// JSON; the box answers with lines of Told until Done.
type Ask struct {
	Do        string `json:"do"` // "doctor", "selftest", "practice", AskRecord or AskStatus
	Installer string `json:"installer,omitempty"`
	Key       string `json:"key,omitempty"` // of the sentence to record
}

// AskRecord asks for a sentence to be read aloud at the box.
const AskRecord = "record"

// AskStatus asks how the box is.
const AskStatus = "status"

// Told is one line of the answer.
type Told struct {
	Item  *protocol.CheckItem `json:"item,omitempty"`
	Check *protocol.Check     `json:"check,omitempty"` // all of it, at the end
	Now   *Now                `json:"now,omitempty"`   // to AskStatus
	Error string              `json:"error,omitempty"`
	Done  bool                `json:"done,omitempty"`
}

// control serves the socket on which this machine's own commands ask. Only the
// box's user and root can open it.
func (d *Daemon) control(ctx context.Context) error {
	// A socket that a power cut left is nobody's: the state directory is locked.
	if err := os.Remove(d.o.Control); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("daemon: control: %w", err)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", d.o.Control)
	if err != nil {
		return fmt.Errorf("daemon: control: %w", err)
	}
	if err := os.Chmod(d.o.Control, 0o600); err != nil {
		return errors.Join(err, l.Close())
	}
	defer context.AfterFunc(ctx, func() { _ = l.Close() })() // it only ends Accept
	for {
		c, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return errors.Join(err, l.Close())
		}
		d.wait.Go(func() { d.serve(ctx, c) })
	}
}

// serve answers one command. When the command ends, so does what it asked for.
func (d *Daemon) serve(ctx context.Context, c net.Conn) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })() // nobody hears of it any more
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return
	}
	in := bufio.NewReader(c)
	line, err := in.ReadSlice('\n') // what is longer than its 4 kB is no question
	if err != nil {
		return
	}
	line = bytes.Clone(line)
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		return
	}
	out := json.NewEncoder(c)
	tell := func(t Told) {
		// A command that was stopped with Ctrl-Z must not keep the box.
		if errors.Join(c.SetWriteDeadline(time.Now().Add(10*time.Second)), out.Encode(t)) != nil {
			cancel()
		}
	}
	go func() {
		_, _ = in.ReadByte() // nothing more comes but the end
		cancel()
	}()
	var a Ask
	if err := json.Unmarshal(line, &a); err != nil {
		tell(Told{Error: "the question was not understood", Done: true})
		return
	}
	if a.Do == AskStatus {
		n, err := d.sayNow(ctx)
		if err != nil {
			tell(Told{Error: err.Error(), Done: true})
			return
		}
		tell(Told{Now: &n, Done: true})
		return
	}
	check, err := d.do(ctx, a, func(i protocol.CheckItem) { tell(Told{Item: &i}) })
	last := Told{Done: true}
	if err != nil {
		last.Error = err.Error()
	}
	if check.ID != "" {
		last.Check = &check
	}
	tell(last)
}

func (d *Daemon) do(ctx context.Context, a Ask, shown func(protocol.CheckItem)) (protocol.Check, error) {
	switch a.Do {
	case string(protocol.CheckDoctor), string(protocol.CheckSelfTest):
		return d.Check(ctx, protocol.CheckKind(a.Do), a.Installer, shown)
	case string(protocol.CheckPractice):
		done := make(chan error, 1)
		d.post(ctx, func() {
			switch {
			case !lendable[d.state.Phase] || d.lent != nil:
				done <- ErrInUse
				return
			case !d.practising(): // one that waits already is what was asked for
				d.practise("")
			}
			done <- nil
		})
		select {
		case err := <-done:
			return protocol.Check{}, err
		case <-ctx.Done():
			return protocol.Check{}, ctx.Err()
		}
	}
	if a.Do == AskRecord {
		return protocol.Check{}, d.record(ctx, a.Key, shown)
	}
	return protocol.Check{}, fmt.Errorf("there is nothing called %.40q to do", a.Do)
}

// AskBox asks the running box of this machine, and tells each part as soon as
// it is known. fs.ErrNotExist or a refused connection say that none runs.
func AskBox(ctx context.Context, control string, a Ask, shown func(protocol.CheckItem)) (protocol.Check, error) {
	var found protocol.Check
	err := ask(ctx, control, a, func(t Told) {
		if t.Item != nil {
			shown(*t.Item)
		}
		if t.Check != nil {
			found = *t.Check
		}
	})
	return found, err
}

// AskNow asks the running box of this machine how it is; errors as of AskBox.
func AskNow(ctx context.Context, control string) (n Now, err error) {
	err = ask(ctx, control, Ask{Do: AskStatus}, func(t Told) {
		if t.Now != nil {
			n = *t.Now
		}
	})
	return n, err
}

func ask(ctx context.Context, control string, a Ask, told func(Told)) error {
	c, err := (&net.Dialer{}).DialContext(ctx, "unix", control)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // all was read
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	if err := json.NewEncoder(c).Encode(a); err != nil {
		return err
	}
	in := json.NewDecoder(c)
	for {
		var t Told
		if err := in.Decode(&t); err != nil {
			return errors.Join(ctx.Err(), fmt.Errorf("the box ended in the middle: %w", err))
		}
		told(t)
		switch {
		case t.Error != "":
			return errors.New(t.Error)
		case t.Done:
			return nil
		}
	}
}
