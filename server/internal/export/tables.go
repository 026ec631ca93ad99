package export

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

// table is a CSV file that a spreadsheet opens by a click: UTF-8 with a byte
// order mark, so that accents live, and no cell that is a formula.
type table struct{ w *csv.Writer }

const mark = "\ufeff"

func newTable(out io.Writer, columns []column) *table {
	t := &table{csv.NewWriter(out)}
	t.w.UseCRLF = true
	var head []string
	for _, c := range columns {
		head = append(head, c.name)
	}
	if len(head) > 0 {
		head[0] = mark + head[0]
	}
	t.write(head)
	return t
}

// write keeps its error for flush, as csv.Writer does.
func (t *table) write(row []string) {
	for i, cell := range row {
		row[i] = neutral(cell)
	}
	_ = t.w.Write(row) // flush reports it
}

func (t *table) flush() error {
	t.w.Flush()
	return t.w.Error()
}

// neutral keeps a spreadsheet from running a cell: text that begins like a
// formula gets an apostrophe before it. Some take the wide signs of East Asian
// keyboards for the narrow ones.
func neutral(cell string) string {
	if first, _ := utf8.DecodeRuneInString(cell); cell != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", first) {
		return "'" + cell
	}
	return cell
}

// column is a column with its meaning, which the README repeats.
type column struct{ name, meaning string }

var turnColumns = []column{
	{"whisper", "the whisper's folder under media/ and its name in every table"},
	{"whisper_id", "the whisper's id on the server"},
	{"title", "the whisper's title"},
	{"position", "place in the chain as it was travelled; 0 is the seed"},
	{"planned_position", "place that the order gave; empty: the turn was added later"},
	{"participant", "pseudonym"},
	{"state", "planned, offered, delivered, heard, received, held, approved, skipped, rejected, withdrawn; seed; late: kept beside the chain; taken_back"},
	{"reason", "why a turn was passed over"},
	{"ready_at", "the turn began to wait for its box"},
	{"offered_at", "the box was told"},
	{"delivered_at", "all of it lay on the box"},
	{"heard_at", "first press"},
	{"recording_at", "the microphone opened"},
	{"saved_at", "the answer was safe on the box"},
	{"received_at", "the answer was safe on the server"},
	{"approved_at", "it went on"},
	{"ended_at", "skipped, rejected or withdrawn"},
	{"reminded_at", "the box reminded"},
	{"reply_id", "the answer's id"},
	{"take", "which attempt was sent"},
	{"takes", "how many were made"},
	{"plays", "how often the whisper was heard"},
	{"photo", "taken, declined, none, dark, failed"},
	{"sent_by", "press, or grace: nothing was pressed in time"},
	{"seconds", "length of the recording"},
	{"tone_end_ms", "where the ready tone ends in the recording, in milliseconds"},
	{"recording", "file; empty: there is none, data alone were asked for, or the answer can still be taken back"},
	{"recording_sha256", "its digest"},
	{"picture", "file"},
	{"picture_sha256", "its digest"},
}

var eventColumns = []column{
	{"seq", "rises within the project in the order in which things were stored; empty: before numbers were kept"},
	{"at", "when, UTC"},
	{"whisper", "as in turns.csv; empty: the project"},
	{"position", "place in the chain"},
	{"participant", "pseudonym"},
	{"kind", "what happened"},
	{"detail", "more about it"},
	{"user_id", "the account that did it, if it was a person on the team"},
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// place writes a position that may be unknown.
func place(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// turnRows are the seed, the turns in the order of the chain, and after each
// turn the answers that are kept beside it.
func turnRows(v relay.View, chain string, media map[string]string) [][]string {
	rows := [][]string{turnRow(v, chain, nil, nil, media)}
	for i := range v.Whisper.Hops {
		h := &v.Whisper.Hops[i]
		rows = append(rows, turnRow(v, chain, h, replyOf(v, h.ReplyID), media))
		for j := range v.Replies {
			if r := &v.Replies[j]; r.HopID == h.ID && r.ID != h.ReplyID {
				rows = append(rows, turnRow(v, chain, h, r, media))
			}
		}
	}
	return rows
}

func replyOf(v relay.View, id string) *model.Reply {
	i := slices.IndexFunc(v.Replies, func(r model.Reply) bool { return id != "" && r.ID == id })
	if i < 0 {
		return nil
	}
	return &v.Replies[i]
}

// turnRow is one line; h is nil for the seed, r where there is no answer.
func turnRow(v relay.View, chain string, h *model.Hop, r *model.Reply, media map[string]string) []string {
	row := map[string]string{"whisper": chain, "whisper_id": v.Whisper.ID, "title": v.Whisper.Title, "position": "0", "state": "seed"}
	reply := ""
	if h != nil {
		row["position"], row["planned_position"] = strconv.Itoa(h.Position), place(h.Course.Planned)
		row["participant"], row["state"], row["reason"] = v.Boxes[h.DeviceID].Name, string(h.State), h.Course.Why
		for name, at := range map[string]time.Time{
			"ready_at": h.ReadyAt, "offered_at": h.OfferedAt, "delivered_at": h.DeliveredAt, "heard_at": h.HeardAt,
			"recording_at": h.RecordingAt, "saved_at": h.SavedAt, "received_at": h.ReceivedAt, "approved_at": h.ApprovedAt,
			"ended_at": h.EndedAt, "reminded_at": h.Course.RemindedAt,
		} {
			row[name] = stamp(at)
		}
	}
	if r != nil {
		reply = r.ID
		if r.ID != h.ReplyID {
			row["state"], row["received_at"], row["saved_at"] = string(r.State), stamp(r.ReceivedAt), stamp(r.Facts.SavedAt)
			row["approved_at"], row["ended_at"] = "", stamp(r.TakenBack)
		}
		row["reply_id"], row["take"], row["takes"], row["plays"] = r.ID, strconv.Itoa(r.Take), place(r.Facts.Takes), place(r.Facts.Plays)
		row["photo"], row["sent_by"], row["tone_end_ms"] = r.Facts.Photo, r.Facts.SentBy, place(int(r.Facts.ToneEndMS))
	}
	for _, f := range filesOf(v, reply, h == nil) {
		if f.Variant != plainVariant(f) {
			continue
		}
		what := "picture"
		if f.Role == protocol.RoleAudio {
			what = "recording"
			row["seconds"] = fmt.Sprintf("%.3f", f.Duration.Seconds())
		}
		row[what], row[what+"_sha256"] = media[f.ID], f.SHA256
	}
	return cells(turnColumns, row)
}

func cells(columns []column, row map[string]string) []string {
	out := make([]string, 0, len(columns))
	for _, c := range columns {
		out = append(out, row[c.name])
	}
	return out
}

// filesOf are the files of one answer, or of the seed.
func filesOf(v relay.View, reply string, seed bool) []model.File {
	if reply == "" && !seed {
		return nil
	}
	return v.FilesOf(reply)
}

func eventRow(e model.Event, v *relay.View, chain string) []string {
	row := map[string]string{"at": stamp(e.At), "whisper": chain, "kind": e.Kind, "detail": e.Detail, "user_id": e.UserID}
	if e.Seq > 0 {
		row["seq"] = strconv.FormatInt(e.Seq, 10)
	}
	if v != nil {
		if h, ok := v.Whisper.HopByID(e.HopID); ok {
			row["position"] = strconv.Itoa(h.Position)
		}
		row["participant"] = v.Boxes[e.DeviceID].Name
	}
	return cells(eventColumns, row)
}

var peopleColumns = []column{
	{"participant", "pseudonym"},
	{"turns", "turns that were planned"},
	{"answered", "turns that were answered and went on, or are held"},
	{"passed_over", "turns that were skipped, rejected or withdrawn"},
	{"late", "answers that came after their turn"},
	{"first_offered_at", "first turn, UTC"},
	{"last_received_at", "last answer, UTC"},
}

// person is what participants.csv says of one box.
type person struct {
	turns, answered, passed, late int
	first, last                   time.Time
}

type people map[string]*person

func (p people) of(name string) *person {
	if p[name] == nil {
		p[name] = &person{}
	}
	return p[name]
}

func (p people) count(v relay.View) {
	for _, h := range v.Whisper.Hops {
		one := p.of(v.Boxes[h.DeviceID].Name)
		one.turns++
		switch h.State {
		case model.HopReceived, model.HopHeld, model.HopApproved:
			one.answered++
		case model.HopSkipped, model.HopRejected, model.HopWithdrawn:
			one.passed++
		}
		if !h.OfferedAt.IsZero() && (one.first.IsZero() || h.OfferedAt.Before(one.first)) {
			one.first = h.OfferedAt
		}
		if h.ReceivedAt.After(one.last) {
			one.last = h.ReceivedAt
		}
	}
	for _, r := range v.Replies {
		if r.State == protocol.ReplyLate {
			p.of(v.Boxes[r.DeviceID].Name).late++
		}
	}
}

func (p people) write(out io.Writer) error {
	t := newTable(out, peopleColumns)
	for _, name := range p.names() {
		one := p[name]
		t.write([]string{name, strconv.Itoa(one.turns), strconv.Itoa(one.answered), strconv.Itoa(one.passed),
			strconv.Itoa(one.late), stamp(one.first), stamp(one.last)})
	}
	return t.flush()
}

func (p people) names() []string {
	names := make([]string, 0, len(p))
	for name := range p {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
