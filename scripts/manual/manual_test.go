package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

const sample = `illumi-box does one thing. It does it well.

Words go on here:

  illumi-box make .hidden

Exit codes:
  0  done

Usage:
  illumi-box [flags]
  illumi-box [command]

The box:
  make        Make a thing
  other-one   Do another

Additional Commands:
  completion  Generate the autocompletion script
  help        Help about any command

Flags:
      --config FILE   configuration FILE
                      and where it is
  -h, --help          help for illumi-box
  -v, --version       version

Use "illumi-box [command] --help" for more information about a command.
`

func TestParseHelp(t *testing.T) {
	p := parseHelp("illumi-box", sample)
	if got := strings.Join(p.commands, " "); got != "make other-one" {
		t.Errorf("commands %q", got)
	}
	if p.usage != "illumi-box" {
		t.Errorf("usage %q", p.usage)
	}
	want := []option{{"--config FILE", "configuration FILE and where it is"}, {"-v, --version", "version"}}
	if len(p.flags) != len(want) || p.flags[0] != want[0] || p.flags[1] != want[1] {
		t.Errorf("flags %q", p.flags)
	}
}

func TestRoff(t *testing.T) {
	root := parseHelp("illumi-box", sample)
	text := root.text
	below := page{name: "illumi-box make", usage: "illumi-box make NAME", text: append([]string{"make is quick.", ".dots too"}, exitCodes(text)...)}
	got := roff([]page{root, below}, "1.2-3", time.Unix(0, 0), nil, ".BR man (1)")
	for _, want := range []string{
		".TH \"ILLUMI\\-BOX\" 1 1970-01-01 \"illumi 1.2\\-3\" illumi\n",
		"illumi\\-box \\- does one thing\n",
		".nf\nillumi\\-box make .hidden\n.fi\n",
		".SS \"illumi\\-box make NAME\"\n.PP\nmake is quick.\n\\&.dots too\n.SH OPTIONS",
		".TP\n.B \\-\\-config FILE\n",
		".SH \"EXIT STATUS\"\n.PP\n.RS 4\n.nf\n0  done\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
}

// Both programs, as they are: every command has its part, and each shell its completions.
func TestWritesBoth(t *testing.T) {
	out := t.TempDir()
	if err := write(t.Context(), []string{out, "1.2.3", "0"}); err != nil {
		t.Fatal(err)
	}
	for _, p := range programs {
		data, err := os.ReadFile(filepath.Join(out, p.name, "usr/share/man/man1", p.name+".1"))
		if err != nil {
			t.Fatal(err)
		}
		pages, err := p.pages(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(pages) < 4 {
			t.Errorf("%s has %d pages", p.name, len(pages))
		}
		for _, command := range pages[1:] {
			if !strings.Contains(string(data), escape(command.usage)) && len(command.commands) == 0 {
				t.Errorf("%s.1 does not have %q", p.name, command.usage)
			}
		}
		for _, c := range completions {
			if fi, err := os.Stat(filepath.Join(out, p.name, strings.ReplaceAll(c.file, "%s", p.name))); err != nil || fi.Size() < 1000 {
				t.Errorf("completion for %s: %v, %v", c.shell, fi, err)
			}
		}
	}
}

// starts is a line of a unit that runs one of our programs.
var starts = regexp.MustCompile(`^Exec[A-Za-z]+=[-+!]*/usr/bin/(illumi-.*)`)

// What the units start must be there: the program where the package puts it, the command, and each flag.
func TestUnitsStartWhatThereIs(t *testing.T) {
	units, err := filepath.Glob("../../systemd/*.service")
	if err != nil || len(units) == 0 {
		t.Fatalf("units: %v, %v", units, err)
	}
	started := 0
	for _, unit := range units {
		data, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			m := starts.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			started++
			words := strings.Fields(m[1])
			at := slices.IndexFunc(programs, func(p program) bool { return p.name == words[0] })
			if at < 0 {
				t.Fatalf("%s starts %s", unit, words[0])
			}
			help, err := programs[at].say(t.Context(), words[1], "--help")
			if err != nil {
				t.Fatalf("%s: %v", unit, err)
			}
			if !strings.Contains(help, "\n  "+words[0]+" "+words[1]) {
				t.Errorf("%s: %s has no command %q", unit, words[0], words[1])
			}
			for _, word := range words[2:] {
				if strings.HasPrefix(word, "--") && !strings.Contains(help, word+" ") {
					t.Errorf("%s: %s %s has no %s", unit, words[0], words[1], word)
				}
			}
		}
	}
	if started < len(units) {
		t.Errorf("%d units start %d programs", len(units), started)
	}
}
