package main

import (
	"regexp"
	"strings"
)

// page is what --help says of one command.
type page struct {
	name     string // "illumi-agent enroll"
	usage    string // "illumi-agent enroll URL CODE"
	text     []string
	examples []string
	flags    []option
	commands []string // names of the commands below it
}

// option is a flag as --help shows it, or another term with its meaning.
type option struct{ name, text string }

var (
	heading = regexp.MustCompile(`^[A-Z][A-Za-z ]*:$`)
	flag    = regexp.MustCompile(`^ +((?:-\w, )?--[\w-]+(?: \S+)?) {2,}(.*)$`)
	entry   = regexp.MustCompile(`^ {2}([a-z][a-z-]*) {2,}\S`)
)

// Commands that the library brings along and whose own help is enough.
var brought = map[string]bool{"help": true, "completion": true}

// parseHelp reads what cobra prints. Flags that each command takes are told with
// the program alone, not again with every command.
func parseHelp(name, help string) page {
	p := page{name: name}
	text, rest, _ := strings.Cut(help, "\nUsage:\n")
	p.text = strings.Split(strings.TrimSpace(text), "\n")
	section := "Usage:"
	for line := range strings.SplitSeq(rest, "\n") {
		switch {
		case heading.MatchString(line):
			section = line
		case line == "" || strings.HasPrefix(line, "Use \""):
		case section == "Usage:":
			if p.usage == "" {
				p.usage = strings.TrimSuffix(strings.TrimSpace(line), " [flags]")
			}
		case section == "Examples:":
			p.examples = append(p.examples, line)
		case section == "Flags:":
			p.addFlag(line)
		case section == "Global Flags:":
		default:
			if m := entry.FindStringSubmatch(line); m != nil && !brought[m[1]] {
				p.commands = append(p.commands, m[1])
			}
		}
	}
	return p
}

func (p *page) addFlag(line string) {
	m := flag.FindStringSubmatch(line)
	switch {
	case m == nil && len(p.flags) > 0: // the meaning goes on
		p.flags[len(p.flags)-1].text += " " + strings.TrimSpace(line)
	case m == nil || strings.HasPrefix(m[1], "-h, "):
	default:
		p.flags = append(p.flags, option{m[1], m[2]})
	}
}

// without drops a trailing part of the text that another page says already.
func without(text, part []string) []string {
	if len(part) == 0 || len(text) < len(part) {
		return text
	}
	at := len(text) - len(part)
	for i, line := range part {
		if text[at+i] != line {
			return text
		}
	}
	return text[:at]
}

// exitCodes is the part of a text from the line "Exit codes:" on.
func exitCodes(text []string) []string {
	for i, line := range text {
		if line == "Exit codes:" {
			return text[i:]
		}
	}
	return nil
}
