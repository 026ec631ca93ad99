package protocol

import "strconv"

// Setting is one of a box's, in words: as its server wants it, and as the box
// lives by it.
type Setting struct {
	Key, Name  string
	Wanted, Is string
	Same       bool
}

// SettingWords compares what is wanted with what is. The box's own status and
// its page on the server show the same. Clips are left out: only the server
// knows them by number.
func SettingWords(want, is Settings) []Setting {
	rows := []Setting{
		{Key: "volume", Name: "Volume", Wanted: volumeWords(want), Is: volumeWords(is)},
		{Key: "quiet", Name: "Quiet from", Wanted: quietWords(want), Is: quietWords(is)},
		{Key: "time_zone", Name: "Time zone", Wanted: zoneWords(want), Is: zoneWords(is)},
		{Key: "language", Name: "Language", Wanted: languageWords(want), Is: languageWords(is)},
		{Key: "photo", Name: "Photo", Wanted: pick(want.PhotoAllowed, "allowed", "not allowed"), Is: pick(is.PhotoAllowed, "allowed", "not allowed")},
		{Key: "announce", Name: "Says that a whisper came", Wanted: pick(want.Announce, "yes", "only shines"), Is: pick(is.Announce, "yes", "only shines")},
		{Key: "buttons", Name: "Buttons", Wanted: buttonWords(want.Buttons), Is: buttonWords(is.Buttons)},
	}
	for i := range rows {
		rows[i].Same = rows[i].Wanted == rows[i].Is || rows[i].Key == "buttons" && want.Buttons == 0
	}
	return rows
}

func volumeWords(s Settings) string { return strconv.Itoa(s.Volume) + " of 4" }

func quietWords(s Settings) string {
	if s.QuietFrom == s.QuietUntil {
		return "never"
	}
	return s.QuietFrom + " until " + s.QuietUntil
}

func zoneWords(s Settings) string {
	if s.TimeZone == "" {
		return "as the box is set"
	}
	return s.TimeZone
}

func languageWords(s Settings) string {
	if s.Language == "en" {
		return "English"
	}
	return s.Language
}

func buttonWords(n int) string {
	if n == 0 {
		return "all that it has"
	}
	return strconv.Itoa(n)
}
