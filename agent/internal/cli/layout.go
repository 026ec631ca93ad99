package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// Widths of what people read, in columns: of a page where there is no terminal,
// the most that is read with ease, and what is too narrow for a margin.
const (
	pageWidth    = 80
	widest       = 100
	narrow       = 60
	labelWidth   = 13
	narrowMargin = 4
)

// columns is how wide a terminal is; 0 where out is none.
func columns(out io.Writer) int {
	f, ok := out.(*os.File)
	if !ok {
		return 0
	}
	w, _, err := term.GetSize(int(f.Fd()))
	if err != nil || w <= 0 {
		return 0
	}
	return min(w, widest)
}

// wrap breaks a line between words so that it fits into width columns; what
// follows the first line stands indent columns further in. 0 leaves it whole.
func wrap(line string, width, indent int) string {
	if width <= 0 || len([]rune(line)) <= width {
		return line
	}
	var b strings.Builder
	col := 0
	for i, word := range strings.Split(line, " ") {
		n := len([]rune(word))
		switch {
		case i == 0:
		case col+1+n > width && col > indent:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			col = indent
		default:
			b.WriteByte(' ')
			col++
		}
		b.WriteString(word)
		col += n
	}
	return b.String()
}

// fact is a line with a label before it.
func (p *program) fact(label, format string, args ...any) error {
	return p.say("%s", p.labelled(label, fmt.Sprintf(format, args...)))
}

// labelled lets the text stand beside its label, or below it where a terminal
// is too narrow.
func (p *program) labelled(label, text string) string {
	width := columns(p.stdio.Out)
	if width > 0 && width < narrow && len([]rune(text)) > width-labelWidth {
		return label + "\n" + wrap(strings.Repeat(" ", narrowMargin)+text, width, narrowMargin)
	}
	return wrap(strings.TrimRight(fmt.Sprintf("%-*s%s", labelWidth, label, text), " "), width, labelWidth)
}

// doing shows on a terminal what takes a while; the next line takes its place.
func (p *program) doing(line string) {
	width := columns(p.stdio.Out)
	if width == 0 || p.getenv("TERM") == "dumb" {
		return
	}
	p.settle()
	p.transient = true
	r := []rune(line + " …")
	_, _ = fmt.Fprint(p.stdio.Out, string(r[:min(len(r), width-1)])) // only for the eye
}

// settle takes away what doing showed.
func (p *program) settle() {
	if p.transient {
		p.transient = false
		_, _ = fmt.Fprint(p.stdio.Out, "\r\x1b[K") // only for the eye
	}
}

// paragraphs fits the text of a help page into width columns. Indented lines
// stay as they are: they are typed or copied.
func paragraphs(text string, width int) string {
	var out []string
	var open string
	flush := func() {
		if open != "" {
			out = append(out, wrap(open, width, 0))
		}
		open = ""
	}
	for _, line := range strings.Split(text, "\n") {
		switch {
		case line == "" || strings.HasPrefix(line, " "):
			flush()
			out = append(out, line)
		case open == "" || strings.HasSuffix(open, ":"):
			flush()
			open = line
		default:
			open += " " + line
		}
	}
	flush()
	return strings.Join(out, "\n")
}
