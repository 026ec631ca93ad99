package export

import (
	"fmt"
	"strings"
)

// readme explains the ZIP to who opens it without us.
func readme(h Head) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\r\n", args...) }
	line("%s", h.Project.Title)
	line("%s", strings.Repeat("=", len([]rune(h.Project.Title))))
	line("")
	line("Exported from illumi %s on %s (UTC).", h.Software, h.At.UTC().Format("2 January 2006, 15:04"))
	line("A whisper goes from box to box. At each box only the answer before is heard.")
	line("")
	line("What is here")
	line("  turns.csv            every turn of every whisper, with times and files")
	line("  events.csv           everything that happened, in order")
	line("  participants.csv     a line for each pseudonym")
	line("  study.json           all of it for programs, with the record of each order;")
	line("                       study.schema.json describes it (JSON Schema 2020-12)")
	if h.Wish.Media {
		line("  media/WHISPER/       recordings and pictures: POSITION_PSEUDONYM_WHAT")
	} else {
		line("  No recordings and pictures were asked for.")
	}
	line("  manifest-sha256.txt  the digest of every file; check with: sha256sum -c manifest-sha256.txt")
	line("                       Digests show damage. They do not prove who made a file.")
	line("")
	if h.Wish.Media && !h.Wish.Originals {
		line("Recordings are as they came. Pictures are copies without place and camera data.")
		line("")
	}
	line("The tables are UTF-8 with a byte order mark and commas; a spreadsheet opens them as they are.")
	line("A cell that would be a formula has an apostrophe before it. Times are UTC.")
	line("A whisper that was on its way is as it stood when its line was written.")
	line("A gap in the chain keeps its number. Answers that came after their turn are beside the chain.")
	line("Pseudonyms are the boxes' names. Voices and faces are personal data all the same: keep them safe.")
	for _, t := range []struct {
		name    string
		columns []column
	}{{"turns.csv", turnColumns}, {"events.csv", eventColumns}, {"participants.csv", peopleColumns}} {
		line("")
		line("Columns of %s", t.name)
		for _, c := range t.columns {
			line("  %-18s %s", c.name, c.meaning)
		}
	}
	return b.String()
}
