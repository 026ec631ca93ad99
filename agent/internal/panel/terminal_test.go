package panel

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"illumi/agent/internal/flow"
)

// patience bounds a wait for something that another goroutine does.
const patience = 10 * time.Second

func next(t *testing.T, c <-chan Input) Input {
	t.Helper()
	select {
	case in, ok := <-c:
		if !ok {
			t.Fatal("no more inputs")
		}
		return in
	case <-time.After(patience):
		t.Fatal("no input came")
	}
	return Input{}
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

func TestTerminal_LinesWhereItIsNone(t *testing.T) {
	inR, inW := pipe(t)
	outR, outW := pipe(t)
	p, err := NewTerminal(inR, outW, "janeeyre")
	if err != nil {
		t.Fatal(err)
	}
	p.Show(flow.Lamps{Main: flow.LightBreathe}, 0)
	p.Show(flow.Lamps{Main: flow.LightBreathe}, 0.4) // nothing new
	p.Update(View{State: "NEW_QUIET", Prompt: "You have a new whisper.", Online: true})
	p.Recording(true)
	fmt.Fprint(inW, "1x3")
	for i, want := range []Input{{Button: 1, Down: true}, {Button: 3, Down: true}} {
		if got := next(t, p.Inputs()); got.Button != want.Button || got.Down != want.Down || got.At.IsZero() {
			t.Errorf("input %d: %+v", i, got)
		}
	}
	up := map[flow.Button]bool{next(t, p.Inputs()).Button: true, next(t, p.Inputs()).Button: true}
	if !up[1] || !up[3] {
		t.Errorf("let go: %v", up)
	}
	fmt.Fprint(inW, "q")
	select {
	case <-p.Quit():
	case <-time.After(patience):
		t.Fatal("q does not quit")
	}
	// The writing end of the keys is still open: Close must not wait for it.
	if err := errors.Join(p.Close(), p.Close()); err != nil {
		t.Error(err)
	}
	if _, ok := <-p.Inputs(); ok {
		t.Error("inputs go on after Close")
	}
	p.Recording(false) // harmless
	outW.Close()
	got, err := io.ReadAll(outR)
	want := "janeeyre: light      breathe\njaneeyre: state      A whisper is waiting. Press the button to hear it.\njaneeyre: server     connected\njaneeyre: says       You have a new whisper.\njaneeyre: red light  on\n"
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s", err, got)
	}
}

// pty opens a terminal of our own.
func pty(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no pseudo terminals here:", err)
	}
	t.Cleanup(func() { master.Close() })
	var n, unlock uint32
	for request, at := range map[uintptr]*uint32{syscall.TIOCGPTN: &n, syscall.TIOCSPTLCK: &unlock} {
		if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, master.Fd(), request, uintptr(unsafe.Pointer(at))); e != 0 {
			t.Skip("no pseudo terminals here:", e)
		}
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no pseudo terminals here:", err)
	}
	t.Cleanup(func() { slave.Close() })
	return master, slave
}

func TestTerminal_DrawsInPlace(t *testing.T) {
	master, slave := pty(t)
	p, err := NewTerminal(slave, slave, "conan\x1b[2Jdoyle")
	if err != nil {
		t.Fatal(err)
	}
	drawn := make(chan string, 1000)
	go func() {
		r := bufio.NewReader(master)
		for {
			s, err := r.ReadString('\n')
			if err != nil {
				close(drawn)
				return
			}
			drawn <- s
		}
	}()
	p.Show(flow.Lamps{Main: flow.LightVoice, Dim: true}, 0)
	p.Update(View{State: "RECORDING", Prompt: strings.Repeat("long ", 80)})
	p.Recording(true)
	seen := ""
	for !strings.Contains(seen, "● RECORDING") || !strings.Contains(seen, "Press space when you have finished.") ||
		!strings.Contains(seen, "no connection: kept safe, retrying") || !strings.Contains(seen, "☾") || !strings.Contains(seen, "quit") {
		select {
		case s := <-drawn:
			if len([]rune(s)) > 200 {
				t.Errorf("a row of %d characters", len(s))
			}
			seen += s
		case <-time.After(patience):
			t.Fatalf("not drawn:\n%q", seen)
		}
	}
	if strings.Contains(seen, "conan\x1b[2J") {
		t.Error("a name steers the terminal")
	}
	fmt.Fprint(master, " ")
	if in := next(t, p.Inputs()); in.Button != flow.Main || !in.Down {
		t.Errorf("%+v", in)
	}
	if in := next(t, p.Inputs()); in.Down {
		t.Errorf("%+v", in)
	}
	fmt.Fprint(master, "\x03")
	select {
	case <-p.Quit():
	case <-time.After(patience):
		t.Fatal("Ctrl-C does not quit")
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

func TestJoin_ShowsEverywhereAndHearsAll(t *testing.T) {
	a, b := NewFake(), NewFake()
	j := Join(a, b)
	j.Show(flow.Lamps{Main: flow.LightFull}, 0)
	j.Show(flow.Lamps{Main: flow.LightFull}, 0.5)
	j.Recording(true)
	j.Update(View{State: "new"})
	for _, f := range []*Fake{a, b} {
		if shown, red := f.Lamps(); len(shown) != 1 || shown[0].Main != flow.LightFull || !red {
			t.Errorf("%v, %v", shown, red)
		}
		f.Press(flow.Main)
		if in := next(t, j.Inputs()); !in.Down {
			t.Errorf("%+v", in)
		}
		f.Release(flow.Main)
		if in := next(t, j.Inputs()); in.Down {
			t.Errorf("%+v", in)
		}
	}
	a.Press(flow.Main) // nobody takes it, and Close does not wait for that
	if err := errors.Join(j.Close(), j.Close()); err != nil {
		t.Error(err)
	}
	if a.Press(flow.Main) {
		t.Error("a closed panel takes presses")
	}
}

func TestFake_DropsWhatNobodyTakes(t *testing.T) {
	f, taken := NewFake(), 0
	for range 100 {
		if f.Press(flow.Main) {
			taken++
		}
	}
	if taken != depth {
		t.Errorf("%d presses kept", taken)
	}
}
