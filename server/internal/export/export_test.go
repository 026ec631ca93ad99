package export

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 123_000_000, time.UTC)

// shelf is stored bytes by digest.
type shelf struct {
	t   *testing.T
	dir string
}

func (s shelf) put(content string) string {
	sum := sha256.Sum256([]byte(content))
	digest := hex.EncodeToString(sum[:])
	if err := os.WriteFile(filepath.Join(s.dir, digest), []byte(content), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return digest
}

func (s shelf) open(digest string) (*os.File, error) { return os.Open(filepath.Join(s.dir, digest)) }

// study is a Source of views that a test made.
type study struct {
	views  []relay.View
	events []model.Event
	broken error
}

func (s study) Whispers(context.Context) iter.Seq2[relay.View, error] {
	return func(yield func(relay.View, error) bool) {
		for _, v := range s.views {
			if !yield(v, nil) {
				return
			}
		}
		if s.broken != nil {
			yield(relay.View{}, s.broken)
		}
	}
}

func (s study) Events(_ context.Context, whisper string) iter.Seq2[model.Event, error] {
	return func(yield func(model.Event, error) bool) {
		for _, e := range s.events {
			if e.WhisperID == whisper && !yield(e, nil) {
				return
			}
		}
	}
}

// harbour is a whisper of three turns: answered with a late answer beside it,
// passed over, still to come.
func harbour(s shelf) study {
	w := model.Whisper{
		ID: "0190a000-0000-7000-8000-0000harbour1", Title: "=Hafen, Äpfel & Öl", State: model.WhisperTravelling, StartedAt: noon,
		Forwarding: model.ForwardPause, Hold: 10 * time.Minute,
		Order: model.Order{Algorithm: "illumi-shuffle-1", Seed: strings.Repeat("ab", 32), Input: []string{"Björn", "robin", "zoë"}},
	}
	boxes := map[string]model.Device{}
	for i, name := range []string{"robin", "Björn", "zoë"} {
		id := fmt.Sprint("device-", i)
		boxes[id] = model.Device{ID: id, Name: name, Site: model.Site{Label: "Secret Street 7"}}
		w.Hops = append(w.Hops, model.Hop{ID: fmt.Sprint("hop-", i), Position: i + 1, DeviceID: id, State: model.HopPlanned, Course: model.Course{Planned: 3 - i}})
	}
	w.Hops[0].State, w.Hops[0].ReplyID, w.Hops[0].OfferedAt, w.Hops[0].ReceivedAt = model.HopApproved, "reply-1", noon, noon.Add(time.Hour)
	w.Hops[1].State, w.Hops[1].Course.Why, w.Hops[1].EndedAt = model.HopSkipped, "no answer", noon.Add(2*time.Hour)
	v := relay.View{Whisper: w, Boxes: boxes}
	add := func(hop, reply string, position int, role protocol.Role, variant model.Variant, kind, content string) {
		v.Files = append(v.Files, model.File{
			ID: fmt.Sprint("file-", len(v.Files)), WhisperID: w.ID, HopID: hop, ReplyID: reply, Position: position, Role: role, Variant: variant,
			Type: kind, SHA256: s.put(content), Size: int64(len(content)), Duration: 1500 * time.Millisecond,
		})
	}
	for _, part := range []struct {
		hop, reply string
		position   int
	}{{"", "", 0}, {"hop-0", "reply-1", 1}, {"hop-0", "reply-late", 1}} {
		for _, variant := range []model.Variant{model.VariantOriginal, model.VariantShared} {
			add(part.hop, part.reply, part.position, protocol.RoleAudio, variant, "audio/flac", fmt.Sprint("voice ", part, variant))
			add(part.hop, part.reply, part.position, protocol.RoleImage, variant, "image/jpeg", fmt.Sprint("photo ", part, variant))
		}
	}
	v.Replies = []model.Reply{
		{ID: "reply-1", HopID: "hop-0", DeviceID: "device-0", State: protocol.ReplyAccepted, Take: 2, ReceivedAt: noon.Add(time.Hour), Facts: protocol.Facts{Photo: "taken", Takes: 2}},
		{ID: "reply-late", HopID: "hop-0", DeviceID: "device-0", State: protocol.ReplyLate, Take: 1, ReceivedAt: noon.Add(3 * time.Hour)},
	}
	return study{views: []relay.View{v}, events: []model.Event{
		{WhisperID: w.ID, HopID: "hop-0", DeviceID: "device-0", Kind: "received", Seq: 7, At: noon, Detail: "@SUM(A1)"},
		{Kind: "exported", UserID: "user-1", Seq: 8, At: noon},
	}}
}

func head(media, originals bool) Head {
	return Head{Project: model.Project{ID: "p", Title: "Küste", CreatedAt: noon}, At: noon, Software: "1.2.3", Wish: relay.ExportWish{Project: "p", Media: media, Originals: originals}}
}

// unpack reads a ZIP and proves its manifest.
func unpack(t *testing.T, b []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, twice := out[f.Name]; twice {
			t.Errorf("%s is there twice", f.Name)
		}
		out[f.Name] = string(content)
	}
	listed := 0
	for line := range strings.Lines(out["manifest-sha256.txt"]) {
		digest, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		sum := sha256.Sum256([]byte(out[name]))
		if hex.EncodeToString(sum[:]) != digest {
			t.Errorf("the manifest is wrong about %s", name)
		}
		listed++
	}
	if listed != len(out)-1 {
		t.Errorf("the manifest lists %d of %d files", listed, len(out)-1)
	}
	return out
}

func rows(t *testing.T, text string) []map[string]string {
	t.Helper()
	body, ok := strings.CutPrefix(text, mark)
	if !ok {
		t.Fatal("no byte order mark: a spreadsheet would guess the letters")
	}
	all, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]string
	for _, r := range all[1:] {
		row := map[string]string{}
		for i, name := range all[0] {
			row[name] = r[i]
			if r[i] != "" && strings.ContainsRune("=+-@\t\r", rune(r[i][0])) {
				t.Errorf("%s = %q is a formula", name, r[i])
			}
		}
		out = append(out, row)
	}
	return out
}

func TestWrite(t *testing.T) {
	s := shelf{t, t.TempDir()}
	var out bytes.Buffer
	tmp := t.TempDir()
	if err := Write(t.Context(), &out, head(true, false), harbour(s), s.open, tmp); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) != 0 {
		t.Errorf("temporary files are left: %v, %v", left, err)
	}
	files := unpack(t, out.Bytes())
	turns := rows(t, files["turns.csv"])
	var got []string
	for _, r := range turns {
		got = append(got, strings.Join([]string{r["position"], r["planned_position"], r["participant"], r["state"], r["reason"]}, "|"))
	}
	want := []string{"0|||seed|", "1|3|robin|approved|", "1|3|robin|late|", "2|2|Björn|skipped|no answer", "3|1|zoë|planned|"}
	if !slices.Equal(got, want) {
		t.Errorf("turns\n%q\nwant\n%q", got, want)
	}
	if turns[0]["title"] != "'=Hafen, Äpfel & Öl" {
		t.Errorf("title %q", turns[0]["title"])
	}
	for _, r := range turns[:3] {
		for _, what := range []string{"recording", "picture"} {
			content, ok := files[r[what]]
			sum := sha256.Sum256([]byte(content))
			if !ok || hex.EncodeToString(sum[:]) != r[what+"_sha256"] {
				t.Errorf("%s of %s: %q is not the file that the table names", what, r["state"], r[what])
			}
		}
	}
	if r := turns[1]; r["recording"] != "media/hafen-äpfel-öl-harbour1/01_robin_recording.flac" || r["seconds"] != "1.500" || r["take"] != "2" {
		t.Errorf("the answer's line: %v", r)
	}
	if !strings.Contains(files[turns[1]["picture"]], "shared") || !strings.Contains(files[turns[1]["recording"]], "original") {
		t.Error("want the recording as it came, and the picture without its place")
	}
	events := rows(t, files["events.csv"])
	if len(events) != 2 || events[0]["participant"] != "robin" || events[0]["position"] != "1" || events[0]["detail"] != "'@SUM(A1)" || events[1]["user_id"] != "user-1" {
		t.Errorf("events %v", events)
	}
	if p := rows(t, files["participants.csv"]); len(p) != 3 || p[1]["participant"] != "robin" || p[1]["answered"] != "1" || p[1]["late"] != "1" {
		t.Errorf("participants %v", p)
	}
	var doc, schema any
	if err := errors.Join(json.Unmarshal([]byte(files["study.json"]), &doc), json.Unmarshal([]byte(files["study.schema.json"]), &schema)); err != nil {
		t.Fatal(err)
	}
	validate(t, schema, schema, doc, "study")
	for name, content := range files {
		if strings.Contains(content, "Secret Street") {
			t.Errorf("%s says where a participant lives", name)
		}
	}
	if !strings.Contains(files["study.json"], `"planned": [
          "zoë",
          "Björn",
          "robin"
        ]`) {
		t.Error("the planned order is not in study.json")
	}
}

func TestWrite_withoutMediaAndWithOriginals(t *testing.T) {
	s := shelf{t, t.TempDir()}
	for _, c := range []struct {
		media, originals bool
		want             int
	}{{false, false, 0}, {true, false, 6}, {true, true, 12}} {
		var out bytes.Buffer
		if err := Write(t.Context(), &out, head(c.media, c.originals), harbour(s), s.open, t.TempDir()); err != nil {
			t.Fatal(err)
		}
		n := 0
		for name := range unpack(t, out.Bytes()) {
			if strings.HasPrefix(name, "media/") {
				n++
			}
		}
		if n != c.want {
			t.Errorf("media %v, originals %v: %d files, want %d", c.media, c.originals, n, c.want)
		}
	}
}

// What goes wrong on the way leaves nothing that opens as a whole ZIP.
func TestWrite_failures(t *testing.T) {
	s := shelf{t, t.TempDir()}
	src := harbour(s)
	victim := filepath.Join(s.dir, src.views[0].Files[0].SHA256)
	for name, spoil := range map[string]func(*testing.T) (study, context.Context){
		"damaged": func(t *testing.T) (study, context.Context) {
			if err := os.WriteFile(victim, []byte("Voice {  0}original"), 0o600); err != nil {
				t.Fatal(err)
			}
			return src, t.Context()
		},
		"gone": func(t *testing.T) (study, context.Context) {
			if err := os.Remove(victim); err != nil {
				t.Fatal(err)
			}
			return src, t.Context()
		},
		"database": func(t *testing.T) (study, context.Context) {
			broken := harbour(s)
			broken.broken = errors.New("the database went away")
			return broken, t.Context()
		},
		"cancelled": func(t *testing.T) (study, context.Context) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			return harbour(s), ctx
		},
	} {
		t.Run(name, func(t *testing.T) {
			harbour(s) // whole again
			source, ctx := spoil(t)
			var out bytes.Buffer
			tmp := t.TempDir()
			if err := Write(ctx, &out, head(true, false), source, s.open, tmp); err == nil {
				t.Fatal("no error")
			}
			if _, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len())); err == nil {
				t.Error("half an export opens as a whole one")
			}
			if left, err := os.ReadDir(tmp); err != nil || len(left) != 0 {
				t.Errorf("temporary files are left: %v, %v", left, err)
			}
		})
	}
}

// validate is as much of JSON Schema as study.schema.json uses.
func validate(t *testing.T, root, schema, v any, at string) {
	t.Helper()
	s := schema.(map[string]any)
	if ref, ok := s["$ref"].(string); ok {
		def := root.(map[string]any)["$defs"].(map[string]any)[strings.TrimPrefix(ref, "#/$defs/")]
		validate(t, root, def, v, at)
		return
	}
	if any, ok := s["anyOf"].([]any); ok {
		if v != nil {
			validate(t, root, any[0], v, at)
		}
		return
	}
	if want, ok := s["const"]; ok && v != want {
		t.Errorf("%s is %v, want %v", at, v, want)
	}
	if enum, ok := s["enum"].([]any); ok && !slices.Contains(enum, v) {
		t.Errorf("%s is %v, which the schema does not know", at, v)
	}
	types := []string{}
	switch kind := s["type"].(type) {
	case string:
		types = append(types, kind)
	case []any:
		for _, k := range kind {
			types = append(types, k.(string))
		}
	}
	is := "null"
	switch v := v.(type) {
	case string:
		is = "string"
	case bool:
		is = "boolean"
	case float64:
		if is = "number"; v == float64(int64(v)) && slices.Contains(types, "integer") {
			is = "integer"
		}
	case map[string]any:
		is = "object"
		props, _ := s["properties"].(map[string]any)
		for _, name := range asList(s["required"]) {
			if _, ok := v[name.(string)]; !ok {
				t.Errorf("%s has no %s", at, name)
			}
		}
		for name, value := range v {
			if sub, ok := props[name]; ok {
				validate(t, root, sub, value, at+"."+name)
			} else if s["additionalProperties"] == false {
				t.Errorf("%s.%s is not in the schema", at, name)
			}
		}
	case []any:
		is = "array"
		for i, value := range v {
			validate(t, root, s["items"], value, fmt.Sprintf("%s[%d]", at, i))
		}
	}
	if len(types) > 0 && !slices.Contains(types, is) {
		t.Errorf("%s is a %s, want %v", at, is, types)
	}
}

func asList(v any) []any {
	l, _ := v.([]any)
	return l
}
