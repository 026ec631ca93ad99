package storetest

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// Size says how much Fill adds.
type Size struct{ Projects, WhispersEach, HopsEach, EventsEach, Devices int }

// Filled names a few of the rows.
type Filled struct{ Project, Whisper, Device string }

// Fill adds old studies to a database that a store has opened before: every
// whisper is complete, but for one in each project that is on its way. owner is
// the user whom all of it belongs to. What boxes, projects and whispers say of
// themselves is as in those that are there. The driver must have been registered.
func Fill(t testing.TB, dsn, owner string, size Size) Filled {
	t.Helper()
	kind, rest, _ := strings.Cut(dsn, ":")
	if kind == "mysql" {
		// Else each insert is prepared and forgotten, with thousands of places for values.
		rest = strings.TrimPrefix(rest, "//")
		if !strings.Contains(rest, "?") {
			rest += "?"
		}
		rest += "&interpolateParams=true"
	}
	// Nothing of it has to outlast a power cut; a server that is open has to get its turns.
	settings := []string{"PRAGMA busy_timeout = 60000", "PRAGMA synchronous = OFF", "PRAGMA cache_size = -200000"}
	if kind == "mysql" {
		settings = []string{"SET SESSION foreign_key_checks = 0", "SET SESSION unique_checks = 0"}
	}
	db, err := sql.Open(kind, rest)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1) // which the settings are of
	f := filler{t: t, db: db, rows: map[string]*batch{}}
	for _, text := range settings {
		f.exec(text)
	}
	out := f.fill(owner, size)
	f.commit()
	if kind == "mysql" {
		for table := range f.rows {
			f.exec("ANALYZE TABLE " + table) // which it does by itself, some time later
		}
	}
	if err := errors.Join(f.err, db.Close()); err != nil {
		t.Fatal(err)
	}
	return out
}

type filler struct {
	t    testing.TB
	db   *sql.DB
	tx   *sql.Tx // nil: none has begun
	rows map[string]*batch
	err  error

	inserts int
	policy  string
}

// batch is a table's rows that are not written yet.
type batch struct {
	columns string
	n       int
	width   int
	args    []any
}

// Rows are written so many at once, and so many times in one transaction.
const (
	perInsert = 400
	perCommit = 25
)

func newID() string { return uuid.Must(uuid.NewV7()).String() }

func (f *filler) exec(text string, args ...any) {
	if f.err == nil {
		_, f.err = f.db.Exec(text, args...) //nolint:noctx // a test's own connection
	}
}

func (f *filler) add(table, columns string, args ...any) {
	b := f.rows[table]
	if b == nil {
		b = &batch{columns: columns, width: len(args)}
		f.rows[table] = b
	}
	b.args = append(b.args, args...)
	if b.n++; b.n == perInsert {
		f.insert(table, b)
	}
}

// insert writes what a table has in store.
func (f *filler) insert(table string, b *batch) {
	if f.err != nil || b.n == 0 {
		return
	}
	if f.tx == nil {
		if f.tx, f.err = f.db.Begin(); f.err != nil { //nolint:noctx // a test's own connection
			return
		}
	}
	row := "(" + strings.TrimSuffix(strings.Repeat("?,", b.width), ",") + ")"
	text := "INSERT INTO " + table + " (" + b.columns + ") VALUES " + strings.TrimSuffix(strings.Repeat(row+",", b.n), ",")
	if _, err := f.tx.Exec(text, b.args...); err != nil { //nolint:noctx // as above
		f.err = errors.Join(fmt.Errorf("fill %s: %w", table, err), f.tx.Rollback())
		return
	}
	b.n, b.args = 0, b.args[:0]
	if f.inserts++; f.inserts%perCommit == 0 {
		f.err, f.tx = f.tx.Commit(), nil
	}
}

// like is what the server itself has written into a column, so that the rows are
// as long to read as real ones; or else, where there is none.
func (f *filler) like(table, column, otherwise string) string {
	var text sql.NullString
	if f.err == nil {
		f.err = f.db.QueryRow("SELECT MAX(" + column + ") FROM " + table).Scan(&text) //nolint:noctx // a test's own connection
	}
	if text.String == "" {
		return otherwise
	}
	return text.String
}

// commit writes all that is left.
func (f *filler) commit() {
	for table, b := range f.rows {
		f.insert(table, b)
	}
	if f.err == nil && f.tx != nil {
		f.err, f.tx = f.tx.Commit(), nil
	}
}

const epoch = int64(1_790_000_000_000_000)

func (f *filler) fill(owner string, size Size) Filled {
	var out Filled
	devices := make([]string, size.Devices)
	capabilities, status, brief := f.like("devices", "capabilities", "{}"), f.like("devices", "last_status", "{}"), f.like("devices", "brief", "")
	settings := f.like("projects", "settings", "")
	f.policy = f.like("whispers", "policy", "")
	for i := range devices {
		devices[i] = newID()
		name := fmt.Sprintf("old box %05d", i)
		f.add("devices", "id, name, name_key, secret_hash, board_model, board_serial, agent, capabilities, last_status, enrolled_by, "+
			"enrolled_at, first_seen_at, last_seen_at, connected_at, revoked_at, held_at, active_hop, offer_seq, version, brief",
			devices[i], name, name, "old "+devices[i], "Raspberry Pi 4", devices[i], "1", capabilities, status, owner,
			epoch, epoch, epoch, epoch, 0, 0, "", 100, 1, brief)
	}
	for p := range size.Projects {
		project := newID()
		f.add("projects", "id, title, owner_id, forwarding, hold_us, created_at, n_draft, n_travelling, n_paused, n_complete, n_ended, settings",
			project, fmt.Sprintf("Old study %04d", p), owner, "straight", 0, epoch, 0, 1, 0, size.WhispersEach-1, 0, settings)
		f.add("members", "project_id, user_id, role, added_by, added_at, expires_at", project, owner, "owner", owner, epoch, 0)
		for w := range size.WhispersEach {
			whisper := f.whisper(owner, project, w == 0, p*size.WhispersEach+w, devices, size)
			if w == 0 {
				out = Filled{Project: project, Whisper: whisper, Device: devices[0]}
			}
		}
	}
	return out
}

func (f *filler) whisper(owner, project string, travels bool, number int, devices []string, size Size) string {
	id := newID()
	state, done, over := "complete", epoch, size.HopsEach
	at := []any{0, "", "", 0}
	if travels {
		state, done, over = "travelling", 0, 0
		at = []any{1, devices[number%len(devices)], "delivered", epoch + int64(number)}
	}
	f.add("whispers", "id, project_id, title, state, forwarding, hold_us, order_algorithm, order_seed, order_input, started_by, start_key, "+
		"created_at, started_at, completed_at, ended_at, version, n_hops, n_answered, n_over, at_position, at_device, at_state, at_since, policy",
		append([]any{id, project, fmt.Sprintf("Old whisper %05d", number), state, "straight", 0, "illumi-shuffle-1", strings.Repeat("0", 64), "[]",
			owner, id, epoch, epoch, done, 0, 1, size.HopsEach, over, over}, append(at, f.policy)...)...)
	for position := 0; position <= size.HopsEach; position++ {
		hop, reply := "", ""
		if position > 0 {
			hop, reply = newID(), newID()
			hopState, atBox := "approved", 0
			if travels {
				reply, hopState = "", "planned"
				if position == 1 {
					hopState, atBox = "delivered", 1
				}
			}
			device := devices[(number+position-1)%len(devices)]
			f.add("hops", "id, whisper_id, position, device_id, state, epoch, seq, reply_id, ready_at, offered_at, delivered_at, heard_at, "+
				"recording_at, saved_at, received_at, hold_until, approved_at, ended_at, queued_at, due_at, at_box",
				hop, id, position, device, hopState, 1, 1+number%90, reply, epoch, epoch, epoch, epoch, epoch, epoch, epoch, 0, epoch, 0, 0, 0, atBox)
			if reply != "" {
				f.add("replies", "id, hop_id, whisper_id, device_id, epoch, take, state, accepted_hop, facts, sent_files, received_at, recall_till, taken_back_at",
					reply, hop, id, device, 1, 1, "accepted", hop, "{}", "[]", epoch, 0, 0)
			}
		}
		if position > 0 && reply == "" {
			continue
		}
		for _, variant := range []string{"original", "shared"} {
			f.add("files", "id, whisper_id, hop_id, reply_id, position, role, variant, sha256, size, media_type, width, height, duration_us, created_at",
				newID(), id, hop, reply, position, "audio", variant, strings.ReplaceAll(newID()+newID(), "-", ""), 1000, "audio/wav", 0, 0, 1_000_000, epoch)
		}
	}
	for range size.EventsEach {
		f.add("events", "id, project_id, whisper_id, hop_id, device_id, user_id, kind, detail, happened_at", newID(), project, id, "", "", "", "offered", "", epoch)
	}
	f.add("mails", "id, once_key, whisper_id, recipient, subject, body_text, body_html, message_id, state, attempts, next_at, last_error, "+
		"created_at, sent_at, due_at, leased_by, project_id", newID(), id, id, "old@example.org", "Old", "", "", id, "sent", 1, 0, "", epoch, epoch, 0, "", project)
	return id
}
