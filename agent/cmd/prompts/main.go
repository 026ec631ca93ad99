// Command prompts is the half of scripts/prompts that knows the sentences: it
// lists them for a speech engine, and makes a language pack of what that said.
// It is not shipped.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"illumi/agent/internal/flow"
	"illumi/agent/internal/media"
)

const help = `
usage: prompts texts                                   KEY<TAB>TEXT for each prompt, in English
       prompts phrases [TEXTS]                        KEY<TAB>N<TAB>PHRASE for each phrase
       prompts pack SPOKEN OUT LANGUAGE SOURCE [TEXTS]  makes the pack from SPOKEN/KEY.N.wav
TEXTS is a file of KEY<TAB>TEXT lines, one for each prompt; without it the texts are English.
`

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "prompts:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	switch {
	case len(args) == 1 && args[0] == "texts":
		texts, err := readTexts(nil)
		if err != nil {
			return err
		}
		for _, key := range slices.Sorted(maps.Keys(texts)) {
			if _, err := fmt.Fprintf(out, "%s\t%s\n", key, texts[key]); err != nil {
				return err
			}
		}
		return nil
	case len(args) >= 1 && len(args) <= 2 && args[0] == "phrases":
		texts, err := readTexts(args[1:])
		if err != nil {
			return err
		}
		return list(texts, out)
	case len(args) >= 5 && len(args) <= 6 && args[0] == "pack":
		texts, err := readTexts(args[5:])
		if err != nil {
			return err
		}
		return pack(args[1], args[2], args[3], args[4], texts)
	}
	return errUsage
}

var errUsage = errors.New(strings.TrimSpace(help))

// readTexts gives the text of every prompt, from the file that was named.
func readTexts(files []string) (map[string]string, error) {
	texts := map[string]string{}
	for k, v := range flow.Prompts {
		texts[string(k)] = v
	}
	if len(files) == 0 {
		return texts, nil
	}
	f, err := os.Open(files[0])
	if err != nil {
		return nil, err
	}
	defer f.Close()
	own := map[string]string{}
	s := bufio.NewScanner(f)
	for s.Scan() {
		line := strings.TrimSpace(s.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, text, ok := strings.Cut(line, "\t")
		if text = strings.TrimSpace(text); !ok || text == "" {
			return nil, fmt.Errorf("%s: %q is not KEY<TAB>TEXT", files[0], line)
		}
		if _, known := texts[key]; !known {
			return nil, fmt.Errorf("%s: there is no prompt %q", files[0], key)
		}
		own[key] = text
	}
	if err := s.Err(); err != nil {
		return nil, err
	}
	for key := range texts {
		if own[key] == "" {
			return nil, fmt.Errorf("%s: the text of %q is missing; in English it is %q", files[0], key, texts[key])
		}
	}
	return own, nil
}

// phrases cuts a text where a person takes a breath.
func phrases(text string) []string {
	var list []string
	for {
		i := strings.IndexAny(text, ".!?")
		if i < 0 {
			break
		}
		if p := strings.TrimSpace(text[:i+1]); len(p) > 1 {
			list = append(list, p)
		}
		text = text[i+1:]
	}
	if p := strings.TrimSpace(text); p != "" {
		list = append(list, p)
	}
	return list
}

func list(texts map[string]string, out io.Writer) error {
	for _, key := range slices.Sorted(maps.Keys(texts)) {
		for i, p := range phrases(texts[key]) {
			if _, err := fmt.Fprintf(out, "%s\t%d\t%s\n", key, i+1, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// breath is the pause between two phrases (people.md P10).
const breath = 600 * time.Millisecond

// pack makes the clips of a language, and describes them once all are there.
func pack(spoken, out, language, source string, texts map[string]string) error {
	if !media.IsLanguage(language) {
		return fmt.Errorf("%q is not the code of a language, such as en or pt-br", language)
	}
	keys := slices.Sorted(maps.Keys(texts))
	for _, key := range keys {
		c, err := clip(spoken, key, len(phrases(texts[key])))
		if err == nil {
			err = media.KeepClip(out, key, c)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	if missing := (media.Pack{Dirs: []string{out}}).Check(keys); len(missing) > 0 {
		return fmt.Errorf("these prompts are not in the pack: %s", strings.Join(missing, ", "))
	}
	return media.PackInfo{Language: language, Name: language + " (synthetic voice)", Source: source, Texts: texts,
		Licence: "The texts and recordings are illumi's. The engine's own licence is about the engine, not about what it says.",
	}.Keep(out)
}

// clip joins the phrases of one prompt. Each is finished by itself, so that
// the pause between them is exact.
func clip(spoken, key string, n int) (media.Clip, error) {
	whole := media.Clip{Rate: media.Rate}
	for i := range n {
		s, err := media.OpenWAV(filepath.Join(spoken, fmt.Sprintf("%s.%d.wav", key, i+1)))
		if err != nil {
			return whole, err
		}
		c, err := media.FinishClip(s)
		if err != nil {
			return whole, err
		}
		if i > 0 { // both sides bring a tenth of a second of their own
			const pause = breath - 2*100*time.Millisecond
			whole.Samples = append(whole.Samples, make([]int16, int(pause*media.Rate/time.Second))...)
		}
		whole.Samples = append(whole.Samples, c.Samples...)
	}
	return whole, nil
}
