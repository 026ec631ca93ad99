package store

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
)

// digest is a readable stand-in for a SHA-256.
func digest(s string) string { return s + strings.Repeat("0", 64-len(s)) }

func TestFilesBefore(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s, ctx := open(), t.Context()
		w := newWhisper(newProject(t, s).ID, "d1", "d2", "d3", "d4")
		add := func(position int, reply, sha string) model.File {
			f := model.File{ID: NewID(), WhisperID: w.ID, ReplyID: reply, Position: position, Role: protocol.RoleAudio, SHA256: digest(sha),
				Variant: model.VariantShared, Size: 1 << 33, Type: "audio/wav", Width: 1, Height: 2, Duration: 3 * time.Second, CreatedAt: noon}
			original := f
			original.ID, original.Variant, original.SHA256 = NewID(), model.VariantOriginal, digest("o"+sha)
			must(t, s, func(tx *Tx) error { return tx.AddFiles(ctx, f, original) })
			return f
		}
		must(t, s, func(tx *Tx) error { return tx.CreateWhisper(ctx, w) })
		seed := add(0, "", "5eed")
		late, back, r1 := add(1, "late", "1a"), add(1, "back", "bac"), add(1, "r1", "a1")
		hears := func(position int) []model.File {
			return view(t, s, func(tx *Tx) ([]model.File, error) { return tx.FilesBefore(ctx, w.ID, position) })
		}
		may := func(device, sha string) bool {
			return view(t, s, func(tx *Tx) (bool, error) { return tx.DeviceMayRead(ctx, device, digest(sha)) })
		}
		if got := hears(1); !slices.Equal(got, []model.File{seed}) {
			t.Errorf("hop 1 hears %+v", got)
		}
		if got := hears(2); !slices.Equal(got, []model.File{seed}) {
			t.Errorf("hop 2 hears %+v before hop 1 is approved", got)
		}
		if may("d1", "5eed") {
			t.Error("a planned hop's box may read")
		}
		w.Hops[0].State = model.HopOffered
		must(t, s, func(tx *Tx) error { return tx.SaveWhisper(ctx, w) })
		if !may("d1", "5eed") || may("d1", "o5eed") || may("d1", "a1") || may("d2", "5eed") {
			t.Error("box 1 may read the shared seed, nothing else, and nobody else may")
		}
		w.Hops[0].State, w.Hops[0].ReplyID = model.HopApproved, "r1"
		w.Hops[1].State = model.HopSkipped
		w.Hops[2].State = model.HopHeard
		must(t, s, func(tx *Tx) error { return tx.SaveWhisper(ctx, w) })
		for _, position := range []int{2, 3, 4} { // past the skipped one
			if got := hears(position); !slices.Equal(got, []model.File{r1}) {
				t.Errorf("hop %d hears %+v", position, got)
			}
		}
		if may("d1", "5eed") || !may("d3", "a1") || may("d3", "5eed") || may("d3", "1a") || may("d3", "bac") {
			t.Error("box 3 may read the accepted answer of hop 1, nothing else")
		}
		if got := view(t, s, func(tx *Tx) (model.File, error) { return tx.FileByID(ctx, late.ID) }); got != late {
			t.Errorf("file %+v, want %+v", got, late)
		}
		if got := view(t, s, func(tx *Tx) ([]model.File, error) { return tx.FilesByWhisper(ctx, w.ID) }); len(got) != 8 || got[0] != seed {
			t.Errorf("%d files of the whisper", len(got))
		}

		reply := model.Reply{ID: "back", HopID: w.Hops[0].ID, WhisperID: w.ID, State: protocol.ReplyTakenBack}
		must(t, s, func(tx *Tx) error { return errors.Join(tx.AddReply(ctx, reply), tx.DeleteReplyFiles(ctx, "back")) })
		if err := s.View(ctx, func(tx *Tx) error { _, err := tx.FileByID(ctx, back.ID); return err }); !errors.Is(err, ErrNotFound) {
			t.Errorf("a taken-back reply's file: %v", err)
		}
		for sha, want := range map[string]bool{"bac": false, "obac": false, "1a": true, "a1": true} {
			if used, err := s.MediaInUse(ctx, digest(sha)); used != want || err != nil {
				t.Errorf("%s in use: %v, %v", sha, used, err)
			}
		}
	})
}

func TestUploads(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s, ctx := open(), t.Context()
		u := model.Upload{ID: "node-1+" + NewID(), OwnerID: NewID(), FinishedAt: noon, ExpiresAt: noon.Add(time.Hour),
			Media: model.Media{Role: protocol.RoleImage, Type: "image/jpeg", SHA256: digest("a"), Size: 7, Width: 8, Height: 9, Duration: time.Minute,
				SharedType: "image/jpeg", SharedSHA256: digest("b"), SharedSize: 5, SharedWidth: 4, SharedHeight: 3}}
		other := u
		other.OwnerID = "somebody else"
		for _, again := range []model.Upload{u, u, other} {
			must(t, s, func(tx *Tx) error { return tx.PutUpload(ctx, again) })
		}
		if got := view(t, s, func(tx *Tx) (model.Upload, error) { return tx.Upload(ctx, u.ID) }); got != u {
			t.Errorf("got %+v, want %+v", got, u)
		}
		workers(t, 8, 1, func(int, int) bool {
			one := u
			one.ID = "at once"
			must(t, s, func(tx *Tx) error { return tx.PutUpload(ctx, one) })
			return true
		})
		expired := func(now time.Time) int {
			return len(view(t, s, func(tx *Tx) ([]model.Upload, error) { return tx.ExpiredUploads(ctx, now, 10) }))
		}
		if expired(u.ExpiresAt.Add(-time.Microsecond)) != 0 || expired(u.ExpiresAt) != 2 {
			t.Error("expired at the wrong time")
		}
		must(t, s, func(tx *Tx) error {
			return errors.Join(tx.DeleteUpload(ctx, u.ID), tx.DeleteUpload(ctx, u.ID), tx.DeleteUpload(ctx, "at once"))
		})
		if err := s.View(ctx, func(tx *Tx) error { _, err := tx.Upload(ctx, u.ID); return err }); !errors.Is(err, ErrNotFound) {
			t.Errorf("a deleted upload: %v", err)
		}
	})
}

func TestDigestsInUse(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s, ctx := open(), t.Context()
		w := newWhisper(newProject(t, s).ID)
		const files = MaxPage + 5 // more than a page
		want := map[string]bool{digest("a"): true, digest("b"): true}
		must(t, s, func(tx *Tx) error {
			err := errors.Join(tx.CreateWhisper(ctx, w),
				tx.PutUpload(ctx, model.Upload{ID: "u", Media: model.Media{SHA256: digest("a"), SharedSHA256: digest("b")}}))
			for i := range files {
				sha := digest(strings.Repeat("f", 10) + string(rune('a'+i/26/26)) + string(rune('a'+i/26%26)) + string(rune('a'+i%26)))
				want[sha] = true
				err = errors.Join(err, tx.AddFile(ctx, model.File{WhisperID: w.ID, SHA256: sha}))
			}
			return err
		})
		got := view(t, s, func(tx *Tx) (map[string]bool, error) {
			got := map[string]bool{}
			for sha, err := range tx.DigestsInUse(ctx) {
				if err != nil {
					return nil, err
				}
				got[sha] = true
			}
			return got, nil
		})
		if !maps.Equal(got, want) {
			t.Errorf("%d digests, want %d", len(got), len(want))
		}
	})
}

func TestReplies(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s, ctx := open(), t.Context()
		w := newWhisper(newProject(t, s).ID, "d1")
		must(t, s, func(tx *Tx) error { return tx.CreateWhisper(ctx, w) })
		heard := noon.Add(time.Second)
		newReply := func(state protocol.ReceiptState) model.Reply {
			return model.Reply{ID: NewID(), HopID: w.Hops[0].ID, WhisperID: w.ID, DeviceID: "d1", Epoch: 2, Take: 3, State: state, ReceivedAt: noon,
				RecallTill: noon.Add(time.Minute), Facts: protocol.Facts{SavedAt: noon, Photo: "dark", SentBy: "press", Plays: 2, HeardAt: &heard},
				Files: []protocol.File{{Role: protocol.RoleAudio, SHA256: digest("a"), Size: 9, Type: "audio/wav", Encoding: protocol.EncodingPlain, Upload: "u"}}}
		}
		first, late, second := newReply(protocol.ReplyAccepted), newReply(protocol.ReplyLate), newReply(protocol.ReplyAccepted)
		must(t, s, func(tx *Tx) error { return errors.Join(tx.AddReply(ctx, first), tx.AddReply(ctx, late)) })
		if got := view(t, s, func(tx *Tx) (model.Reply, error) { return tx.Reply(ctx, first.ID) }); !reflect.DeepEqual(got, first) {
			t.Errorf("\ngot  %+v\nwant %+v", got, first)
		}
		add := func() error { return s.Tx(ctx, func(tx *Tx) error { return tx.AddReply(ctx, second) }) }
		if err := add(); !errors.Is(err, ErrExists) || ExistsKey(err) != KeyAcceptedHop {
			t.Errorf("a second accepted reply: %v", err)
		}
		if err := s.Tx(ctx, func(tx *Tx) error { return tx.AddReply(ctx, late) }); !errors.Is(err, ErrExists) {
			t.Errorf("a reply of the same id: %v", err)
		}
		set := func(id string, state protocol.ReceiptState) error {
			return s.Tx(ctx, func(tx *Tx) error { return tx.SetReplyState(ctx, id, state, heard) })
		}
		if err := set(late.ID, protocol.ReplyAccepted); ExistsKey(err) != KeyAcceptedHop {
			t.Errorf("accept a late one beside the accepted one: %v", err)
		}
		if err := errors.Join(set(first.ID, protocol.ReplyTakenBack), set(first.ID, protocol.ReplyTakenBack), add()); err != nil {
			t.Errorf("another answer after one was taken back: %v", err)
		}
		first.State, first.TakenBack = protocol.ReplyTakenBack, heard
		got := view(t, s, func(tx *Tx) ([]model.Reply, error) { return tx.RepliesByWhisper(ctx, w.ID) })
		if !reflect.DeepEqual(got, []model.Reply{first, late, second}) {
			t.Errorf("replies %+v", got)
		}
		if err := set("none", protocol.ReplyLate); !errors.Is(err, ErrNotFound) {
			t.Errorf("no such reply: %v", err)
		}
	})
}

func TestMails(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s, ctx := open(), t.Context()
		newMail := func(subject string, due time.Time) model.Mail {
			return model.Mail{ID: NewID(), WhisperID: "w", To: "ann@example.org", Subject: subject, Text: strings.Repeat("é\r\n", 5000), HTML: "<p>",
				MessageID: "<x@y>", State: model.MailQueued, CreatedAt: noon, NextAt: due}
		}
		first, second := newMail("first 🌊", noon), newMail("second", noon.Add(time.Second))
		must(t, s, func(tx *Tx) error { return errors.Join(tx.AddMail(ctx, second, "b"), tx.AddMail(ctx, first, "a")) })
		if err := s.Tx(ctx, func(tx *Tx) error { return tx.AddMail(ctx, newMail("double", noon), "a") }); ExistsKey(err) != KeyMailOnce {
			t.Errorf("a second mail for the same: %v", err)
		}
		lease := func(now time.Time, worker string) (got model.Mail) {
			must(t, s, func(tx *Tx) error {
				m, ok, err := tx.LeaseMail(ctx, now, now.Add(time.Minute), worker)
				if got = (model.Mail{}); ok {
					got = *m
				}
				return err
			})
			return got
		}
		if m := lease(noon.Add(-1), "x"); m != (model.Mail{}) {
			t.Errorf("leased before it is due: %+v", m)
		}
		if m := lease(noon.Add(time.Second), "x"); m != first {
			t.Errorf("leased %+v, want %+v", m, first)
		}
		if m := lease(noon.Add(time.Second), "y"); m != second {
			t.Errorf("leased %+v, want %+v", m, second)
		}
		if m := lease(noon.Add(2*time.Second), "z"); m != (model.Mail{}) {
			t.Errorf("leased %+v, a third", m)
		}
		if got := view(t, s, func(tx *Tx) (time.Time, error) { return tx.NextMail(ctx) }); got != noon.Add(61*time.Second) {
			t.Errorf("next mail at %v", got)
		}
		if m := lease(noon.Add(61*time.Second), "z"); m.ID != first.ID && m.ID != second.ID {
			t.Error("a dead worker's mail was not leased again")
		}
		must(t, s, func(tx *Tx) error {
			return errors.Join(tx.MailDone(ctx, first.ID, noon.Add(time.Minute)), tx.MailDone(ctx, first.ID, noon.Add(time.Hour)),
				tx.MailRetry(ctx, first.ID, 9, noon, "too late"), tx.MailFailed(ctx, first.ID, 9, "too late"), // sent stays sent
				tx.MailRetry(ctx, second.ID, 1, noon.Add(time.Hour), strings.Repeat("4xx ü\xff ", 500)))
		})
		first.State, first.SentAt, first.Attempts, first.NextAt = model.MailSent, noon.Add(time.Minute), 1, time.Time{}
		got := view(t, s, func(tx *Tx) ([]model.Mail, error) { return tx.MailsByWhisper(ctx, "w") })
		if len(got) != 2 || got[0] != first || got[1].State != model.MailQueued || got[1].NextAt != noon.Add(time.Hour) || len(got[1].LastError) < 500 {
			t.Errorf("mails %+v", got)
		}
		must(t, s, func(tx *Tx) error { return tx.MailFailed(ctx, second.ID, 2, "550 no") })
		got = view(t, s, func(tx *Tx) ([]model.Mail, error) { return tx.MailsByWhisper(ctx, "w") })
		if got[1].State != model.MailFailed || got[1].LastError != "550 no" || got[1].Attempts != 2 || lease(noon.AddDate(1, 0, 0), "x") != (model.Mail{}) {
			t.Errorf("a failed mail %+v", got[1])
		}
		if got := view(t, s, func(tx *Tx) (time.Time, error) { return tx.NextMail(ctx) }); !got.IsZero() {
			t.Errorf("next mail at %v", got)
		}
		if err := s.Tx(ctx, func(tx *Tx) error { return tx.MailDone(ctx, "none", noon) }); !errors.Is(err, ErrNotFound) {
			t.Errorf("no such mail: %v", err)
		}
	})
}

// Every mail is leased by exactly one of many workers.
func TestLeasesAreExact(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s, ctx := open(), t.Context()
		must(t, s, func(tx *Tx) error {
			var err error
			for range 100 {
				id := NewID()
				err = errors.Join(err, tx.AddMail(ctx, model.Mail{ID: id, CreatedAt: noon}, id))
			}
			return err
		})
		wins := workers(t, 16, 25, func(int, int) (ok bool) {
			err := persist(ctx, s, func(tx *Tx) (err error) { _, ok, err = tx.LeaseMail(ctx, noon, noon.Add(time.Hour), "w"); return err })
			if err != nil {
				t.Error(err)
			}
			return ok
		})
		if wins != 100 {
			t.Errorf("%d leases for 100 mails", wins)
		}
	})
}

func TestEvents(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s, ctx := open(), t.Context()
		e := model.Event{ID: NewID(), ProjectID: "p", WhisperID: "w", HopID: "h", DeviceID: "d", UserID: "u", Kind: "heard", Detail: "“ä” 🌊\n ", At: noon}
		later := model.Event{WhisperID: "w", Kind: "received", At: noon.Add(time.Microsecond)}
		must(t, s, func(tx *Tx) error { return tx.AddEvents(ctx, later, e, model.Event{WhisperID: "x", At: noon}) })
		got := view(t, s, func(tx *Tx) ([]model.Event, error) { return tx.EventsByWhisper(ctx, "w", 10) })
		want := model.Event{WhisperID: "w", DeviceID: "d", UserID: "u", Kind: e.Kind, Detail: e.Detail, At: noon}
		if len(got) != 2 || got[1] != want || got[0].Kind != "received" {
			t.Errorf("events %+v", got)
		}
		if got := view(t, s, func(tx *Tx) ([]model.Event, error) { return tx.EventsByWhisper(ctx, "w", 1) }); len(got) != 1 || got[0].Kind != "received" {
			t.Errorf("the newest event: %+v", got)
		}
	})
}

func TestUploadsOf(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s, ctx := open(), t.Context()
		must(t, s, func(tx *Tx) error {
			for i, owner := range []string{"ann", "ben", "ann"} {
				u := model.Upload{ID: fmt.Sprint(i), OwnerID: owner, Media: model.Media{Size: 1 << 40, SharedSize: int64(i)}}
				if err := tx.PutUpload(ctx, u); err != nil {
					return err
				}
			}
			for owner, want := range map[string][2]int64{"ann": {2, 2<<40 + 2}, "ben": {1, 1<<40 + 1}, "nobody": {0, 0}} {
				if n, bytes, err := tx.UploadsOf(ctx, owner); err != nil || [2]int64{int64(n), bytes} != want {
					t.Errorf("%s: %d uploads of %d bytes, %v", owner, n, bytes, err)
				}
			}
			return nil
		})
	})
}
