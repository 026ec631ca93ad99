package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/store/internal/sqlcgen"
)

//go:embed queries/*.sql
var queryFiles embed.FS

var queryName = regexp.MustCompile(`-- name: (\w+)`)

// explainer asks the database for the plan of every statement before it runs.
type explainer struct {
	*sql.Tx
	t      *testing.T
	sqlite bool
	plans  map[string][]string
}

func (e *explainer) explain(ctx context.Context, query string, args []any) {
	e.t.Helper()
	prefix := "EXPLAIN "
	if e.sqlite {
		prefix = "EXPLAIN QUERY PLAN "
	}
	name := queryName.FindStringSubmatch(query)[1]
	rows, err := e.Tx.QueryContext(ctx, prefix+query, args...)
	if err != nil {
		e.t.Errorf("explain %s: %v", name, err)
		return
	}
	defer rows.Close()
	columns := must2(rows.Columns())(e.t)
	e.plans[name] = append(e.plans[name], "") // a plan may be empty
	for rows.Next() {
		cells := make([]sql.NullString, len(columns))
		into := make([]any, len(cells))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			e.t.Error(err)
		}
		if e.sqlite {
			e.plans[name] = append(e.plans[name], cells[3].String) // detail
			continue
		}
		line := ""
		for i, c := range columns {
			line += c + "=" + cells[i].String + " "
		}
		e.plans[name] = append(e.plans[name], line)
	}
	if err := rows.Err(); err != nil {
		e.t.Errorf("explain %s: %v", name, err)
	}
}

func (e *explainer) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	e.explain(ctx, query, args)
	return e.Tx.ExecContext(ctx, query, args...)
}

func (e *explainer) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	e.explain(ctx, query, args)
	return e.Tx.QueryContext(ctx, query, args...)
}

func (e *explainer) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	e.explain(ctx, query, args)
	return e.Tx.QueryRowContext(ctx, query, args...)
}

// walks are the statements that may walk a table or a whole index, and why.
var walks = map[string]string{
	"CountUsers":   "people who sign in are few, and only the set-up and the command line count them",
	"CountDevices": "an index of 2,000 boxes has a dozen pages",
	"DeviceNames":  "read once, and again after a box was enrolled",
	"Codes":        "the newest end of the primary key, up to the limit",
}

// indexes are what serves the statements that meet many rows.
var indexes = map[string]string{
	"Users": "users_email", "CountUsersInRole": "users_role", "RevokeUserSessions": "sessions_user", "PurgeSessions": "sessions_expires",
	"PurgeThrottles": "throttles_ends", "ProjectsAll": "PRIMARY", "ProjectsOfMember": "members_user", "Devices": "devices_name_key",
	"DeviceLines": "devices_name_key", "DeviceLinesByName": "devices_name_key", "DeviceByName": "devices_name_key", "DeviceByBoard": "devices_board",
	"DeviceBySecretHash": "devices_secret_hash", "Codes": "PRIMARY", "CodeByHash": "codes_code_hash", "Whispers": "whispers_project",
	"WhisperByStartKey": "whispers_start_key", "HopsOfWhisper": "hops_position", "NextReadyHop": "hops_queued",
	"IdleDevicesWithTurn": "hops_waiting", "DueHops": "hops_due", "NextDue": "hops_due", "OffersSince": "hops_seq",
	"OffersAtBox": "hops_at_box", "HopsAtBox": "hops_at_box", "LastApproved": "hops_position", "FilesByWhisper": "files_position", "FilesOfPosition": "files_position",
	"FilesAt": "files_position", "DeleteReplyFiles": "files_position", "FileUse": "files_sha256", "FileDigests": "files_sha256",
	"UploadUse": "uploads_sha256", "UploadDigests": "uploads_sha256", "UploadSharedUse": "uploads_shared_sha256",
	"UploadSharedDigests": "uploads_shared_sha256", "ExpiredUploads": "uploads_expires", "UploadsOfOwner": "uploads_owner", "CountReplies": "replies_hop", "RepliesByWhisper": "replies_whisper",
	"DueMail": "mails_due", "NextMail": "mails_due", "MailsByWhisper": "mails_whisper", "EventsByWhisper": "events_whisper",
}

// constraints gives SQLite's numbered indexes the names that the migrations gave them.
func constraints(t *testing.T) *strings.Replacer {
	var pairs []string
	for _, f := range must2(fs.Glob(migrations, "migrations/*"))(t) {
		text := string(must2(fs.ReadFile(migrations, f))(t))
		if m := regexp.MustCompile(`CREATE UNIQUE INDEX (\w+)`).FindStringSubmatch(text); m != nil {
			pairs = append(pairs, "INDEX "+m[1]+" ", "INDEX key="+m[1]+" ")
			continue
		}
		if !strings.Contains(text, "CREATE TABLE") {
			continue
		}
		table := regexp.MustCompile(`EXISTS (\w+)`).FindStringSubmatch(text)[1]
		for i, m := range regexp.MustCompile(`(PRIMARY) KEY|CONSTRAINT (\w+) +UNIQUE`).FindAllStringSubmatch(text, -1) {
			pairs = append(pairs, fmt.Sprintf("sqlite_autoindex_%s_%d ", table, i+1), "key="+m[1]+m[2]+" ")
		}
	}
	return strings.NewReplacer(pairs...)
}

// Every statement finds its rows by an index, however many old ones there are.
func TestPlans(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s, ctx := open(), t.Context()
		w, reply, upload, mail, code := fill(t, s)
		if s.d.read == s.d.write {
			awaitPurge(t, s)
			tables := []string{"users", "sessions", "throttles", "projects", "devices", "codes", "whispers", "hops", "files", "uploads", "replies", "mails", "events"}
			for _, more := range morePlans {
				tables = append(tables, more.tables...)
			}
			for _, table := range tables {
				if _, err := s.d.write.Exec("ANALYZE TABLE " + table); err != nil {
					t.Fatal(err)
				}
			}
		}
		sqlTx := must2(s.d.write.BeginTx(ctx, nil))(t)
		e := &explainer{sqlTx, t, s.d.ddlInTx, map[string][]string{}}
		err := everything(ctx, &Tx{q: sqlcgen.New(e), seen: map[string]seen{}, names: &nameList{}}, w, reply, upload, mail, code)
		if err := errors.Join(err, sqlTx.Rollback()); err != nil {
			t.Fatal(err)
		}

		var all []string
		for _, f := range must2(fs.Glob(queryFiles, "queries/*"))(t) {
			for _, m := range queryName.FindAllStringSubmatch(string(must2(fs.ReadFile(queryFiles, f))(t)), -1) {
				all = append(all, m[1])
			}
		}
		names := constraints(t)
		for _, name := range all {
			plan, ran := e.plans[name]
			if !ran && !slices.Contains([]string{"Meta", "InsertMeta"}, name) {
				t.Errorf("%s: no plan was asked for; call it in everything()", name)
			}
			if key := " key=" + indexes[name] + " "; ran && indexes[name] != "" && !strings.Contains(names.Replace(strings.Join(plan, " \n")+" "), key) {
				t.Errorf("%s: not served by%s", name, key)
			}
			for _, line := range plan {
				scan := strings.HasPrefix(line, "SCAN ") || strings.Contains(line, " type=ALL ") || strings.Contains(line, " type=index ")
				if scan && walks[name] == "" && !strings.HasPrefix(name, "Insert") {
					t.Errorf("%s: %s", name, line)
				}
				t.Logf("%-22s %s", name, line)
			}
		}
		if left := slices.Sorted(maps.Keys(e.plans)); len(left) > len(all) {
			t.Errorf("plans of unknown statements: %v", left)
		}
	})
}

// awaitPurge waits until MariaDB has swept up what rows were before they were changed: till then
// an index counts these too, and may look no better than reading everything.
func awaitPurge(t *testing.T, s *Store) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	// Other tests at the same server may keep it from ever being swept quite clean.
	if _, err := s.d.write.ExecContext(ctx, "SET GLOBAL innodb_max_purge_lag_wait = 0"); err != nil && ctx.Err() == nil {
		t.Fatal(err)
	}
}

// morePlan fills tables and calls methods, for a file of queries that has a
// test file of its own; see explain_members_test.go.
type morePlan struct {
	tables []string
	fill   func(ctx context.Context, tx *Tx) error
	run    func(ctx context.Context, tx *Tx, w *model.Whisper) error
}

var morePlans []morePlan

// fill makes many old rows, and one of each that is at work.
func fill(t *testing.T, s *Store) (*model.Whisper, model.Reply, model.Upload, model.Mail, model.EnrolCode) {
	ctx := t.Context()
	var w *model.Whisper
	var reply model.Reply
	var upload model.Upload
	var mail model.Mail
	var code model.EnrolCode
	must(t, s, func(tx *Tx) error {
		var all []error
		try := func(err error) { all = append(all, err) }
		for i := range 60 {
			id := NewID()
			p := model.Project{ID: id, OwnerID: fmt.Sprint("owner ", i%20), CreatedAt: noon}
			try(tx.CreateProject(ctx, p))
			try(tx.CreateUser(ctx, model.User{ID: id, Email: id, Role: []model.Role{model.RoleAdmin, model.RoleResearcher}[min(i, 1)]}))
			d := newDevice("box " + id)
			d.ID, d.BoardSerial = fmt.Sprint("device ", i), id
			try(tx.CreateDevice(ctx, d))
			code = model.EnrolCode{ID: id, Hash: id, ExpiresAt: noon.Add(time.Hour)}
			try(tx.CreateCode(ctx, code))
			upload = model.Upload{ID: id, OwnerID: fmt.Sprint("owner ", i%20), Media: model.Media{SHA256: digest(fmt.Sprint(i)), SharedSHA256: digest(fmt.Sprint(i))}, ExpiresAt: noon.Add(time.Duration(i) * time.Hour)}
			try(tx.PutUpload(ctx, upload))
			_, _, err := tx.Throttle(ctx, id, noon.Add(time.Duration(i)*time.Hour), 1, time.Hour)
			try(err)
			try(tx.q.InsertSession(ctx, sqlcgen.InsertSessionParams{TokenHash: id, UserID: fmt.Sprint("user ", i), Content: []byte{}, ExpiresAt: int64(i)}))
			w = newWhisper(id, "device 1", "device 2", "device 3", fmt.Sprint("device ", i), fmt.Sprint("device ", i+1))
			for k := range w.Hops {
				w.Hops[k].State, w.Hops[k].Seq, w.Hops[k].ReplyID = model.HopApproved, int64(i*5+k+1), NewID()
			}
			if i == 59 { // the one at work
				w.Hops[3].State, w.Hops[3].ReplyID = model.HopOffered, ""
				w.Hops[4].State, w.Hops[4].ReplyID, w.Hops[4].ReadyAt = model.HopPlanned, "", noon
			}
			try(tx.CreateWhisper(ctx, w))
			for _, h := range w.Hops {
				reply = model.Reply{ID: NewID(), HopID: h.ID, WhisperID: w.ID, State: protocol.ReplyLate}
				try(tx.AddReply(ctx, reply))
				try(tx.AddFile(ctx, model.File{WhisperID: w.ID, HopID: h.ID, ReplyID: h.ReplyID, Position: h.Position, Variant: model.VariantShared, SHA256: digest(h.ID[:8])}))
				try(tx.AddEvent(ctx, model.Event{WhisperID: w.ID, At: noon}))
			}
			mail = model.Mail{ID: id, WhisperID: w.ID, CreatedAt: noon}
			try(tx.AddMail(ctx, mail, id))
			if i < 59 {
				try(tx.MailDone(ctx, id, noon))
			}
		}
		for i := range 600 { // enough that MariaDB does not rather read them all
			try(tx.CreateDevice(ctx, newDevice(fmt.Sprint("spare ", i))))
		}
		for _, more := range morePlans {
			try(more.fill(ctx, tx))
		}
		return errors.Join(all...)
	})
	return w, reply, upload, mail, code
}

// everything calls each method once.
func everything(ctx context.Context, tx *Tx, w *model.Whisper, reply model.Reply, upload model.Upload, mail model.Mail, code model.EnrolCode) error {
	var all []error
	try := func(err error) { all = append(all, err) }
	device := w.Hops[3].DeviceID
	user := model.User{ID: "u", Email: "u@example.org", Role: model.RoleResearcher}
	try(tx.SetSetupToken(ctx, "hash", noon))
	_, err := tx.UseSetupToken(ctx, "hash")
	try(err)
	try(tx.CreateUser(ctx, user))
	_, err = tx.UserByID(ctx, "u")
	try(err)
	_, err = tx.UserByEmail(ctx, user.Email)
	try(err)
	_, err = tx.Users(ctx, 10, "a")
	try(err)
	try(tx.UpdateUserPassword(ctx, "u", "x"))
	try(tx.SetUserDisabled(ctx, "u", noon))
	_, err = tx.CountUsers(ctx)
	try(err)
	_, err = tx.CountAdmins(ctx)
	try(err)
	try(tx.q.InsertSession(ctx, sqlcgen.InsertSessionParams{TokenHash: "t", Content: []byte{}, ExpiresAt: 99}))
	_, err = tx.q.Session(ctx, "t")
	try(err)
	_, err = tx.q.UpdateSession(ctx, sqlcgen.UpdateSessionParams{TokenHash: "t", Content: []byte{}, ExpiresAt: 99})
	try(err)
	try(tx.q.RevokeSession(ctx, sqlcgen.RevokeSessionParams{TokenHash: "t", At: 1}))
	_, err = tx.DeleteUserSessions(ctx, "user 7")
	try(err)
	_, err = tx.PurgeSessions(ctx, time.UnixMicro(3))
	try(err)
	for _, at := range []time.Time{noon, noon.Add(time.Minute), noon.Add(2 * time.Hour)} {
		_, _, err = tx.Throttle(ctx, "k", at, 5, time.Hour)
		try(err)
	}
	try(tx.ThrottleGiveBack(ctx, "k"))
	_, err = tx.PurgeThrottles(ctx, noon.Add(2*time.Hour))
	try(err)
	try(tx.ThrottleReset(ctx, "k"))
	_, err = tx.Projects(ctx, "", noon, 10, w.ProjectID)
	try(err)
	_, err = tx.Projects(ctx, "owner 7", noon, 10, "")
	try(err)
	p, err := tx.Project(ctx, w.ProjectID)
	try(err)
	try(tx.UpdateProject(ctx, p))
	try(tx.CreateProject(ctx, model.Project{ID: "p"}))
	d := newDevice("new")
	try(tx.CreateDevice(ctx, d))
	_, err = tx.DeviceBySecretHash(ctx, d.SecretHash)
	try(err)
	_, err = tx.DeviceByName(ctx, "new")
	try(err)
	found, err := tx.Devices(ctx, 10, "")
	try(err)
	_, err = tx.DeviceByBoard(ctx, found[5].BoardSerial)
	try(err)
	_, err = tx.FindDevices(ctx, 10, "box", "")
	try(err)
	_, err = tx.FindDevices(ctx, 10, "", "box")
	try(err)
	try(tx.TouchDevice(ctx, d.ID, model.Sighting{At: noon}))
	try(tx.HoldDevice(ctx, d.ID, noon))
	for range 2 {
		_, _, err = tx.ClaimDevice(ctx, d.ID, "hop")
		try(err)
	}
	_, _, err = tx.ReleaseDevice(ctx, d.ID, "hop")
	try(err)
	_, err = tx.BumpDevice(ctx, d.ID)
	try(err)
	try(tx.RevokeDevice(ctx, d.ID, noon))
	_, err = tx.Device(ctx, d.ID)
	try(err)
	try(tx.CreateCode(ctx, model.EnrolCode{ID: "c", Hash: "c"}))
	_, err = tx.CodeByHash(ctx, code.Hash)
	try(err)
	_, err = tx.Codes(ctx, 10, "")
	try(err)
	_, err = tx.UseCode(ctx, code.ID, "d", noon)
	try(err)
	_, err = tx.RevokeCode(ctx, code.ID, noon)
	try(err)
	made := newWhisper(w.ProjectID, "device 1")
	made.StartKey = "key"
	try(tx.CreateWhisper(ctx, made))
	_, err = tx.WhisperByStartKey(ctx, "key")
	try(err)
	_, err = tx.Whispers(ctx, w.ProjectID, 10, "")
	try(err)
	got, err := tx.WhisperByHop(ctx, w.Hops[0].ID)
	try(err)
	_, _, _, err = tx.NextReadyHop(ctx, w.Hops[4].DeviceID, noon)
	try(err)
	_, err = tx.IdleDevicesWithTurn(ctx, noon, 10)
	try(err)
	_, err = tx.OffersSince(ctx, device, 0, 10)
	try(err)
	_, err = tx.OffersSince(ctx, "device 1", 290, 10)
	try(err)
	_, err = tx.DeviceMayRead(ctx, device, "x")
	try(err)
	got.State, got.Hops[3].State, got.Hops[3].HoldUntil = model.WhisperPaused, model.HopHeld, noon
	try(tx.SaveWhisper(ctx, &got))
	got.State = model.WhisperTravelling
	try(tx.SaveWhisper(ctx, &got))
	_, err = tx.DueHops(ctx, noon, 10)
	try(err)
	_, err = tx.NextDue(ctx)
	try(err)
	files, err := tx.FilesByWhisper(ctx, w.ID)
	try(err)
	_, err = tx.FilesOfPosition(ctx, w.ID, 1)
	try(err)
	_, err = tx.FileByID(ctx, files[0].ID)
	try(err)
	_, err = tx.FileUse(ctx, files[0].SHA256)
	try(err)
	for _, err := range tx.DigestsInUse(ctx) {
		try(err)
	}
	try(tx.AddFile(ctx, model.File{WhisperID: w.ID, ReplyID: reply.ID}))
	try(tx.DeleteReplyFiles(ctx, reply.ID))
	_, err = tx.Upload(ctx, upload.ID)
	try(err)
	_, _, err = tx.UploadsOf(ctx, "owner 7")
	try(err)
	_, err = tx.CountReplies(ctx, w.Hops[0].ID, protocol.ReplyLate)
	try(err)
	_, err = tx.ExpiredUploads(ctx, noon, 10)
	try(err)
	try(tx.PutUpload(ctx, model.Upload{ID: "new"}))
	try(tx.DeleteUpload(ctx, upload.ID))
	try(tx.SetReplyState(ctx, reply.ID, protocol.ReplyTakenBack, noon))
	_, err = tx.RepliesByWhisper(ctx, w.ID)
	try(err)
	try(tx.AddReply(ctx, model.Reply{ID: "r", HopID: w.Hops[0].ID}))
	_, err = tx.NextMail(ctx)
	try(err)
	_, _, err = tx.LeaseMail(ctx, noon, noon.Add(time.Hour), "worker")
	try(err)
	try(tx.MailRetry(ctx, mail.ID, 1, noon, "x"))
	try(tx.MailFailed(ctx, mail.ID, 1, "x"))
	try(tx.MailDone(ctx, mail.ID, noon))
	try(tx.MailDone(ctx, mail.ID, noon))
	_, err = tx.MailsByWhisper(ctx, w.ID)
	try(err)
	try(tx.AddMail(ctx, model.Mail{ID: "m"}, "m"))
	try(tx.AddEvent(ctx, model.Event{WhisperID: w.ID, At: noon}))
	_, err = tx.EventsByWhisper(ctx, w.ID, 10)
	try(err)
	for _, more := range morePlans {
		try(more.run(ctx, tx, w))
	}
	return errors.Join(all...)
}
