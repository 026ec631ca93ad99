package app

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"illumi/protocol"
	"illumi/server/internal/api"
	"illumi/server/internal/auth"
	"illumi/server/internal/bus"
	"illumi/server/internal/mail"
	"illumi/server/internal/metric"
	"illumi/server/internal/model"
	"illumi/server/internal/store"
	"illumi/server/internal/upload"
)

// teller passes relay's hints on to boxes, pages and the mail worker.
type teller struct{ a *App }

func (t teller) Look(device string) {
	t.a.hub.Send(device, protocol.TypeOffers, nil)
	if t.a.firstGen != nil {
		t.a.firstGen.Look(device)
	}
}
func (t teller) Recall(device string, hop protocol.HopRef) {
	t.a.hub.Send(device, protocol.TypeRecall, hop)
}
func (t teller) Remind(device string, hop protocol.HopRef) {
	t.a.hub.Send(device, protocol.TypeRemind, hop)
}
func (t teller) Settings(device string, s protocol.Settings) {
	t.a.hub.Send(device, protocol.TypeSettings, s)
}
func (t teller) Ask(device string, kind protocol.MessageType, r protocol.Request) {
	t.a.hub.Send(device, kind, r)
}
func (t teller) Changed(whisper string) { t.a.bus.Publish(bus.Whisper(whisper)) }
func (t teller) Happened(project string) {
	t.a.bus.Publish(bus.Project(project))
	t.a.wakeHooks()
}
func (t teller) BoxesChanged() {
	t.a.bus.Publish(bus.Boxes)
	if t.a.firstGen != nil {
		t.a.firstGen.Changed()
	}
}
func (t teller) Revoked(device string) {
	t.a.hub.Close(device, protocol.CodeDeviceRevoked)
	if t.a.firstGen != nil {
		t.a.firstGen.Close(device)
	}
}
func (t teller) Unnamed(digests []string, at time.Time) {
	go func() { // it may have to wait for an upload; uploads wait for it in turn
		if err := t.a.uploads.RemoveUnused(t.a.base, digests, at); err != nil && t.a.base.Err() == nil {
			t.a.log.Error("bytes that were taken back could not be removed; the sweep will", "error", err)
		}
	}()
}
func (t teller) MailQueued() {
	t.a.bus.Publish(bus.Mails)
	select {
	case t.a.mailWake <- struct{}{}:
	default: // it is awake already
	}
}

// copies writes down that two boxes share an identity. Nobody waits for an
// answer to that, so what fails is logged here.
func (a *App) copies(device string) {
	if err := a.relay.Copies(a.base, device); err != nil && a.base.Err() == nil {
		a.log.Error("two copies of a box could not be written down", "device", device, "error", err)
	}
}

// codes makes enrolment codes and hashes them by the server's key.
type codes struct{ auth.Key }

func (codes) NewCode() string { return auth.NewCode() }

func (a *App) mailWorker(sender mail.Sender) *mail.Worker {
	return &mail.Worker{
		Tx: func(ctx context.Context, fn func(mail.Queue) error) error {
			return a.store.Tx(ctx, func(tx *store.Tx) error { return fn(tx) })
		},
		Sender: sender, Wake: a.mailWake, Log: a.log, Name: store.NewID(), Now: time.Now,
		Changed: func(_ context.Context, m model.Mail) {
			a.metrics.Mail(m.State)
			a.bus.Publish(bus.Whisper(m.WhisperID))
			a.bus.Publish(bus.Mails)
		},
	}
}

// recorder keeps finished uploads, each in a transaction of its own.
type recorder struct {
	db      *store.Store
	metrics *metric.Metrics
}

func (r recorder) PutUpload(ctx context.Context, u model.Upload) error {
	err := r.db.Tx(ctx, func(tx *store.Tx) error { return tx.PutUpload(ctx, u) })
	if err == nil {
		r.metrics.Upload(u)
	}
	return err
}

func (r recorder) Upload(ctx context.Context, id string) (u model.Upload, found bool, err error) {
	err = r.db.View(ctx, func(tx *store.Tx) error {
		u, err = tx.Upload(ctx, id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return u, false, nil
	}
	return u, err == nil, err
}

func (r recorder) ExpiredUploads(ctx context.Context, now time.Time, limit int) (list []model.Upload, err error) {
	err = r.db.View(ctx, func(tx *store.Tx) error {
		list, err = tx.ExpiredUploads(ctx, now, limit)
		return err
	})
	return list, err
}

func (r recorder) UploadsOf(ctx context.Context, owner string) (count int, bytes int64, err error) {
	err = r.db.View(ctx, func(tx *store.Tx) error {
		count, bytes, err = tx.UploadsOf(ctx, owner)
		return err
	})
	return count, bytes, err
}

func (r recorder) DeleteUpload(ctx context.Context, id string) error {
	return r.db.Tx(ctx, func(tx *store.Tx) error { return tx.DeleteUpload(ctx, id) })
}

// deviceOwner says whose a box's upload is.
func deviceOwner(r *http.Request) (string, upload.OwnerKind, error) {
	d, ok := api.DeviceFrom(r.Context())
	if !ok {
		return "", "", model.Refuse(protocol.CodeDeviceUnknown, "This address is for boxes.", "Enrol the box first.")
	}
	return d.ID, upload.OwnerDevice, nil
}

// userOwner says whose a researcher's upload is.
func userOwner(r *http.Request) (string, upload.OwnerKind, error) {
	actor, err := auth.ActorFrom(r.Context())
	return actor.UserID, upload.OwnerUser, err
}

// accept takes a recording that a page's form sent in one piece.
func (a *App) accept(ctx context.Context, user string, r io.Reader, limit int64) (model.Upload, error) {
	return a.uploads.Accept(ctx, user, upload.OwnerUser, protocol.RoleAudio, r, limit)
}

// uploads keeps the statuses that tus defines, where they differ from a code's.
type uploads struct{ *upload.Handler }

func (u uploads) Serve(w http.ResponseWriter, r *http.Request) error {
	err := u.Handler.Serve(w, r)
	if _, ok := model.AsError(err); ok {
		return statusError{upload.Problem(err).Status, err}
	}
	return err
}

// sweepEvery is how often what nobody needs any more is looked for. Media is
// looked through less often: that reads the whole directory.
const (
	sweepEvery      = time.Hour
	sweepMediaEvery = 24
)

// sweep removes uploads that nobody claimed, media that nothing names, and
// sessions and throttles that are over.
func (a *App) sweep(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for round := 0; ; round++ {
		if err := a.sweepOnce(ctx, round%sweepMediaEvery == 0); err != nil && ctx.Err() == nil {
			a.log.Error("sweeping failed", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (a *App) sweepOnce(ctx context.Context, media bool) error {
	_, uploads := a.uploads.Sweep(ctx)
	var blobs error
	if media {
		blobs = a.uploads.LookForUnused(ctx)
	}
	rows := a.store.Tx(ctx, func(tx *store.Tx) error {
		now := time.Now()
		_, sessions := tx.PurgeSessions(ctx, now)
		_, throttles := tx.PurgeThrottles(ctx, now)
		return errors.Join(sessions, throttles, auth.PurgeTickets(ctx, tx, now))
	})
	return errors.Join(uploads, blobs, rows, a.relay.PurgeDeliveries(ctx))
}
