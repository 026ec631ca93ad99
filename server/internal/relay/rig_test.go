package relay_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
	"illumi/server/internal/store"
	"illumi/server/internal/store/storetest"
)

// rig is a relay on a real database, with a clock that tests move.
type rig struct {
	t     *testing.T
	ctx   context.Context
	db    *store.Store
	s     *relay.Service
	admin model.Actor
	owner model.Actor
	told  *told

	mu  sync.Mutex
	now time.Time
}

// told writes down every hint.
type told struct {
	mu    sync.Mutex
	hints []string
}

func (x *told) note(format string, args ...any) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.hints = append(x.hints, fmt.Sprintf(format, args...))
}
func (x *told) Look(device string)                        { x.note("look %s", device) }
func (x *told) Recall(device string, hop protocol.HopRef) { x.note("recall %s %d", device, hop.Epoch) }
func (x *told) Remind(device string, hop protocol.HopRef) { x.note("remind %s %d", device, hop.Epoch) }
func (x *told) Settings(device string, v protocol.Settings) {
	x.note("settings %s %d", device, v.Version)
}
func (x *told) Ask(device string, kind protocol.MessageType, r protocol.Request) {
	x.note("ask %s %s %v", device, kind, r.Aloud)
}
func (x *told) Changed(string)        {}
func (x *told) Happened(string)       {}
func (x *told) BoxesChanged()         {}
func (x *told) Revoked(device string) { x.note("revoked %s", device) }
func (x *told) Unnamed(digests []string, _ time.Time) {
	for _, d := range digests {
		x.note("unnamed %s", d)
	}
}
func (x *told) MailQueued() { x.note("mail") }

func (x *told) has(hint string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, h := range x.hints {
		if h == hint {
			return true
		}
	}
	return false
}

// unwritable is the title of a whisper that no mail can be written about, so
// that it cannot be completed.
const unwritable = "Unwritable"

// letter is a Composer; what a mail says is package mail's.
type letter struct{}

func (letter) Compose(_ string, n relay.News, to string) (model.Mail, error) {
	if n.Whisper.Title == unwritable {
		return model.Mail{}, errors.New("no words for it")
	}
	id := store.NewID()
	return model.Mail{ID: id, To: to, Subject: n.Whisper.Title, Text: "t", HTML: "h", MessageID: "m@" + id}, nil
}

// plain codes are their own hash.
type plain struct {
	mu sync.Mutex
	n  int
}

func (p *plain) NewCode() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n++
	return "ABCDEFGH" + string(protocol.CodeAlphabet[p.n/30]) + string(protocol.CodeAlphabet[p.n%30])
}
func (*plain) HashCode(code string) string { return "hash of " + code }

func each(t *testing.T, test func(t *testing.T, r *rig)) {
	storetest.Each(t, func(t *testing.T, dsn string) { test(t, newRig(t, dsn)) })
}

func newRig(t *testing.T, dsn string) *rig {
	t.Helper()
	db, err := store.Open(t.Context(), store.Options{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	r := &rig{t: t, ctx: t.Context(), db: db, told: &told{}, now: time.Date(2026, 11, 20, 9, 0, 0, 789, time.UTC)}
	r.s = relay.New(relay.Options{
		Store: db, Teller: r.told, Composer: letter{}, Now: r.clock, Log: slog.New(slog.DiscardHandler), Codes: &plain{},
	})
	r.admin = r.user("admin@example.org", model.RoleAdmin)
	r.owner = r.user("owner@example.org", model.RoleResearcher)
	return r
}

func (r *rig) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(time.Microsecond)
	return r.now
}

func (r *rig) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) user(email string, role model.Role) model.Actor {
	r.t.Helper()
	u := model.User{ID: store.NewID(), Email: email, Name: email, Role: role, PasswordHash: "x", CreatedAt: r.clock()}
	r.must(r.db.Tx(r.ctx, func(tx *store.Tx) error { return tx.CreateUser(r.ctx, u) }))
	return model.Actor{UserID: u.ID, Role: role}
}

func (r *rig) project(f model.Forwarding) model.Project {
	r.t.Helper()
	p, err := r.s.CreateProject(r.ctx, r.owner, model.Project{Title: "Harbour", Forwarding: f})
	r.must(err)
	return p
}

// enrol makes boxes and returns their ids in the order of the names.
func (r *rig) enrol(names ...string) []string {
	r.t.Helper()
	var ids []string
	for _, name := range names {
		code, _, err := r.s.MakeCode(r.ctx, r.admin, name)
		r.must(err)
		d, err := r.s.Enroll(r.ctx, enrolment(code, name))
		r.must(err)
		ids = append(ids, d.ID)
	}
	return ids
}

func enrolment(code, secret string) protocol.EnrollRequest {
	return protocol.EnrollRequest{Code: code, Secret: digest(secret), BoardSerial: "serial of " + secret, Agent: "test", Version: 1}
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// upload puts a finished upload into the database.
func (r *rig) upload(owner string, role protocol.Role, content string) string {
	r.t.Helper()
	u := model.Upload{
		ID: store.NewID(), OwnerID: owner, FinishedAt: r.clock(), ExpiresAt: r.clock().Add(time.Hour),
		Media: model.Media{
			Role: role, Type: "audio/wav", SHA256: digest(content), Size: int64(len(content)),
			SharedType: "audio/wav", SharedSHA256: digest("shared " + content), SharedSize: 7,
		},
	}
	r.must(r.db.Tx(r.ctx, func(tx *store.Tx) error { return tx.PutUpload(r.ctx, u) }))
	return u.ID
}

func (r *rig) start(p model.Project, boxes []string, seed byte) model.Whisper {
	r.t.Helper()
	started, err := r.s.Start(r.ctx, r.owner, relay.StartRequest{
		ProjectID: p.ID, Title: "Gulls", Audio: r.upload(r.owner.UserID, protocol.RoleAudio, "seed"),
		Boxes: boxes, Seed: digest(string(seed)),
	})
	r.must(err)
	return started[0]
}

// offer returns the one open offer of a box.
func (r *rig) offer(device string) protocol.Offer {
	r.t.Helper()
	open := r.open(device)
	if len(open) != 1 {
		r.t.Fatalf("%d offers wait for the box, want 1", len(open))
	}
	return open[0]
}

func (r *rig) open(device string) []protocol.Offer {
	r.t.Helper()
	page, err := r.s.Offers(r.ctx, device, "")
	r.must(err)
	return page.Offers
}

// answer makes a reply whose files are uploaded.
func (r *rig) answer(device string, o protocol.Offer, words string) protocol.Reply {
	r.t.Helper()
	return protocol.Reply{
		ID: store.NewID(), Epoch: o.Epoch, Take: 1,
		Files: []protocol.File{{
			Role: protocol.RoleAudio, SHA256: digest(words), Size: int64(len(words)), Type: "audio/wav",
			Encoding: protocol.EncodingPlain, Upload: r.upload(device, protocol.RoleAudio, words),
		}},
		Facts: protocol.Facts{SavedAt: r.clock(), Takes: 1, SentBy: "press", Photo: "none"},
	}
}

func (r *rig) reply(device string, o protocol.Offer, words string) protocol.Receipt {
	r.t.Helper()
	receipt, err := r.s.Reply(r.ctx, device, o.Hop, r.answer(device, o, words))
	r.must(err)
	return receipt
}

func (r *rig) view(id string) relay.View {
	r.t.Helper()
	v, err := r.s.Whisper(r.ctx, r.owner, id)
	r.must(err)
	return v
}

func refused(t *testing.T, err error, want protocol.Code) {
	t.Helper()
	var e *model.Error
	if !errors.As(err, &e) || e.Code != want {
		t.Errorf("got %v, want a refusal with %s", err, want)
		return
	}
	if e.Sentence == "" || e.Next == "" {
		t.Errorf("%s has no sentence or no next step", want)
	}
}
