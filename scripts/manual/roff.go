package main

import (
	"fmt"
	"strings"
	"time"
)

// escape writes a line of words so that troff shows it as it is.
func escape(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}

// quoted is an argument of a macro.
func quoted(s string) string { return `"` + strings.ReplaceAll(escape(s), `"`, `\(dq`) + `"` }

// roff writes the manual page of a program: the first page is the program's, the others its commands'.
func roff(pages []page, version string, day time.Time, files []option, also string) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	root := pages[0]
	codes := exitCodes(root.text)

	line(`.\" Written from the program's own --help. Do not edit.`)
	line(`.TH %s 1 %s %s illumi`, quoted(strings.ToUpper(root.name)), day.UTC().Format(time.DateOnly), quoted("illumi "+version))
	line(".nh\n.ad l") // a command that is broken in two cannot be copied
	line(".SH NAME")
	line(`%s \- %s`, escape(root.name), escape(firstSentence(root)))
	line(".SH SYNOPSIS")
	for _, p := range pages {
		if len(p.commands) == 0 {
			line(".B %s\n.br", escape(p.usage))
		}
	}
	line(".SH DESCRIPTION")
	paragraphs(&b, without(root.text, codes))
	line(".SH COMMANDS")
	for _, p := range pages[1:] {
		if len(p.commands) > 0 {
			continue // a group; its members follow
		}
		line(".SS %s", quoted(p.usage))
		paragraphs(&b, without(p.text, codes))
		options(&b, p.flags)
		if len(p.examples) > 0 {
			line(".PP\nFor example:")
			paragraphs(&b, p.examples)
		}
	}
	line(".SH OPTIONS\nAny command takes these, or says in its help which of them.")
	options(&b, root.flags)
	if len(codes) > 1 {
		line(`.SH "EXIT STATUS"`)
		paragraphs(&b, codes[1:])
	}
	line(".SH FILES")
	options(&b, files)
	line(`.SH "SEE ALSO"`+"\n%s", also)
	return b.String()
}

// firstSentence says what the program does, without its name.
func firstSentence(p page) string {
	all := strings.Join(p.text, " ")
	all, _, _ = strings.Cut(all, ". ")
	all, _, _ = strings.Cut(all, ".  ")
	return strings.TrimSuffix(strings.TrimPrefix(all, p.name+" "), ".")
}

// paragraphs writes words as words and indented lines as they stand.
func paragraphs(b *strings.Builder, text []string) {
	asIs, fresh := false, true
	set := func(want bool) {
		switch {
		case want && !asIs:
			b.WriteString(".PP\n.RS 4\n.nf\n")
		case !want && asIs:
			b.WriteString(".fi\n.RE\n")
			fresh = true
		}
		asIs = want
	}
	for _, line := range text {
		switch {
		case strings.TrimSpace(line) == "":
			set(false)
			fresh = true
			continue
		case strings.HasPrefix(line, "  "):
			set(true)
			b.WriteString(escape(strings.TrimPrefix(line, "  ")) + "\n")
			continue
		}
		set(false)
		if fresh {
			b.WriteString(".PP\n")
		}
		fresh = false
		b.WriteString(escape(line) + "\n")
	}
	set(false)
}

func options(b *strings.Builder, list []option) {
	for _, o := range list {
		fmt.Fprintf(b, ".TP\n.B %s\n%s\n", escape(o.name), escape(o.text))
	}
}
