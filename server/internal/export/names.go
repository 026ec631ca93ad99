package export

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

// plainVariant is the copy that an export takes along: recordings as they came,
// which is the evidence, and pictures without the place where they were taken.
func plainVariant(f model.File) model.Variant {
	if f.Role == protocol.RoleAudio {
		return model.VariantOriginal
	}
	return model.VariantShared
}

// names gives each whisper a folder that stays the same in every export: its
// title and the end of its id, which is random.
type names map[string]string

func (n names) name(w model.Whisper) string {
	end := w.ID[max(0, len(w.ID)-8):]
	name := slug(w.Title, 40) + "-" + end
	n[w.ID] = name
	return name
}

// mediaName is like 03_robin_recording.flac; answers beside the chain and
// second copies say so.
func mediaName(v relay.View, f model.File) string {
	who, what := "seed", "picture"
	if f.Role == protocol.RoleAudio {
		what = "recording"
	}
	beside, position := "", f.Position
	if h, ok := v.Whisper.HopByID(f.HopID); ok {
		position = h.Position // it may have moved after a late answer to it came
		who = slug(v.Boxes[h.DeviceID].Name, 40)
		if f.ReplyID != h.ReplyID {
			beside = "_late-" + f.ReplyID[max(0, len(f.ReplyID)-6):]
		}
	}
	if f.Variant != plainVariant(f) {
		what += "_" + string(f.Variant)
	}
	return fmt.Sprintf("%02d_%s_%s%s%s", position, who, what, beside, f.Extension())
}

// slug makes a name of letters and digits, accents and all, that every file
// system takes.
func slug(s string, most int) string {
	var b strings.Builder
	dash := false
	for _, r := range strings.ToLower(s) {
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			if dash && b.Len() > 0 {
				b.WriteByte('-')
			}
			dash = false
			b.WriteRune(r)
		default:
			dash = true
		}
		if b.Len() >= most {
			break
		}
	}
	if b.Len() == 0 {
		return "whisper"
	}
	return b.String()
}

// Name is what a browser calls the ZIP: letters, digits and the day.
func Name(h Head) string {
	title := strings.Map(func(r rune) rune {
		if r >= 128 {
			return -1 // a header is ASCII
		}
		return r
	}, slug(h.Project.Title, 40))
	return "illumi-" + title + "-" + h.At.UTC().Format(time.DateOnly) + ".zip"
}
