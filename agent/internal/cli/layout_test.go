package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"illumi/protocol"
)

// Help fits into a terminal of 80 columns wherever it is read. What is typed or
// copied is never broken.
func TestHelp_Fits(t *testing.T) {
	var out bytes.Buffer
	p := &program{stdio: Stdio{In: strings.NewReader(""), Out: &out, Err: &out}, root: "/"}
	var names [][]string
	var walk func(c *cobra.Command, path []string)
	walk = func(c *cobra.Command, path []string) {
		names = append(names, path)
		for _, below := range c.Commands() {
			if below.Name() != "completion" { // cobra's own words
				walk(below, append(path[:len(path):len(path)], below.Name()))
			}
		}
	}
	walk(p.command(), nil)
	if len(names) < 12 {
		t.Fatalf("only %d commands", len(names))
	}
	for _, name := range names {
		out.Reset()
		p := &program{stdio: p.stdio, root: "/"}
		if code := p.run(t.Context(), append(name, "--help")); code != exitDone {
			t.Errorf("%q ends with %d", name, code)
		}
		for line := range strings.Lines(out.String()) {
			line = strings.TrimRight(line, "\n")
			if len([]rune(line)) > pageWidth && !strings.HasPrefix(line, "  ") {
				t.Errorf("%q: %s", name, line)
			}
			if strings.ContainsAny(line, "\x1b\r") || strings.TrimRight(line, " ") != line {
				t.Errorf("%q: %q", name, line)
			}
		}
	}
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		line          string
		width, indent int
		want          string
	}{
		{"short", 40, 2, "short"},
		{"one two three", 0, 0, "one two three"},
		{"one two three", 7, 0, "one two\nthree"},
		{"Grüße äöü", 5, 1, "Grüße\n äöü"},
		{"head  body of it", 11, 6, "head  body\n      of it"},
		{"alonglongword x", 5, 0, "alonglongword\nx"},
	} {
		if got := wrap(c.line, c.width, c.indent); got != c.want {
			t.Errorf("%q in %d: %q, want %q", c.line, c.width, got, c.want)
		}
	}
}

func TestParagraphs(t *testing.T) {
	text := "One two\nthree four.\n\nLook:\n  typed as it is, however long\nfive"
	if got, want := paragraphs(text, 12), "One two\nthree four.\n\nLook:\n  typed as it is, however long\nfive"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := paragraphs(text, 40), "One two three four.\n\nLook:\n  typed as it is, however long\nfive"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestItemText(t *testing.T) {
	i := protocol.CheckItem{Part: "microphone", Verdict: protocol.VerdictFailed, Text: "There is no microphone.", Next: "Plug one in; the box cannot hear without it."}
	for width, want := range map[int]string{
		0:  "FAILED  microphone      There is no microphone.\n                        → Plug one in; the box cannot hear without it.",
		40: "FAILED  microphone\n    There is no microphone.\n    → Plug one in; the box cannot hear\n      without it.",
		60: "FAILED  microphone      There is no microphone.\n                        → Plug one in; the box cannot hear\n                          without it.",
	} {
		if got := itemText(i, width); got != want {
			t.Errorf("in %d:\n%s\nwant\n%s", width, got, want)
		}
	}
	i.Verdict = protocol.VerdictOK
	asked := protocol.CheckItem{Text: "“Test one. Is my light on? Press if yes.”"}
	if got, want := itemText(asked, 40), "    “Test one. Is my light on? Press if\n    yes.”"; got != want {
		t.Errorf("a question:\n%s\nwant\n%s", got, want)
	}
	if got := itemText(i, 0); strings.Contains(got, "→") {
		t.Errorf("what is well needs nothing: %s", got)
	}
}

// On a terminal what to do has a line of its own; in a log an error is one line.
func TestComplaint(t *testing.T) {
	f := &failure{code: exitUsage, text: "There is no command.", next: "Type another.", typed: true}
	if got, want := complaint(f, 0), "illumi-agent: There is no command. Type another.\nSee illumi-agent --help."; got != want {
		t.Errorf("%q", got)
	}
	if got, want := complaint(f, 25), "illumi-agent: There is no\ncommand.\nType another.\nSee illumi-agent --help."; got != want {
		t.Errorf("%q", got)
	}
}

// pty opens a terminal of our own, so many columns wide.
func pty(t *testing.T, columns uint16) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no pseudo terminals here:", err)
	}
	t.Cleanup(func() { master.Close() })
	var n, unlock uint32
	size := [4]uint16{24, columns, 0, 0}
	for _, c := range []struct {
		request uintptr
		at      unsafe.Pointer
	}{{syscall.TIOCGPTN, unsafe.Pointer(&n)}, {syscall.TIOCSPTLCK, unsafe.Pointer(&unlock)}, {syscall.TIOCSWINSZ, unsafe.Pointer(&size)}} {
		if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, master.Fd(), c.request, uintptr(c.at)); e != 0 {
			t.Skip("no pseudo terminals here:", e)
		}
	}
	if slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		t.Skip("no pseudo terminals here:", err)
	}
	t.Cleanup(func() { slave.Close() })
	return master, slave
}

// A narrow terminal gets narrow lines, and what takes long is shown and taken away.
func TestTerminal_Narrow(t *testing.T) {
	master, slave := pty(t, 40)
	p := &program{stdio: Stdio{In: slave, Out: slave, Err: slave}, root: "/"}
	if code := p.run(t.Context(), []string{"status", "--state", t.TempDir()}); code != exitNotEnrolled {
		t.Errorf("ends with %d", code)
	}
	p.doing("looking at something that has a very long name indeed")
	if err := p.fact("Server", "an illumi server answers, and says a lot"); err != nil {
		t.Fatal(err)
	}
	p = &program{stdio: p.stdio, env: []string{"TERM=dumb"}}
	p.doing("nothing for a terminal that cannot take it back")
	if err := slave.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(master)
	if err != nil && !errors.Is(err, syscall.EIO) { // how a terminal ends
		t.Fatal(err)
	}
	want := "Box          not enrolled\nillumi-agent: This box is not enrolled\nyet.\nRun: illumi-agent enroll https://SERVER\nCODE\n" +
		"looking at something that has a very lo\r\x1b[KServer\n    an illumi server answers, and says a\n    lot\n"
	if got := strings.ReplaceAll(string(data), "\r\n", "\n"); got != want {
		t.Errorf("%q\nwant %q", got, want)
	}
}

// Ctrl-C at the password gives the terminal back as it was.
func TestReadHidden_CtrlC(t *testing.T) {
	_, slave := pty(t, 80)
	fd := int(slave.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := readHidden(ctx, fd)
		ended <- err
	}()
	late := time.After(20 * time.Second)
	for hidden := false; !hidden; { // until nothing is shown that is typed
		now, err := term.GetState(fd)
		if err != nil {
			t.Fatal(err)
		}
		hidden = *now != *before
		select {
		case <-late:
			t.Fatal("what is typed is shown")
		default:
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if now, err := term.GetState(fd); err != nil || *now != *before {
		t.Errorf("the terminal is left as %+v, %v", now, err)
	}
}
