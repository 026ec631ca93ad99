package store

import (
	"context"
	"errors"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/store/internal/sqlcgen"
)

// What is kept of one box's past. It stays readable, and a box that lost its
// mind fills no disk.
const (
	KeepReports = 500
	KeepChecks  = 200
)

func reportOf(r sqlcgen.BoxReport) (model.BoxReport, error) {
	return model.BoxReport{DeviceID: r.DeviceID, ReceivedAt: moment(r.ReceivedAt), Report: protocol.Report{ID: r.ID, Code: protocol.ReportCode(r.Code),
		Over: r.IsOver != 0, Hop: r.HopID, Request: r.RequestID, Detail: r.Detail, At: moment(r.HappenedAt)}}, nil
}

// AddReport keeps what befell a box; false where it is kept already. Reports
// beyond the newest KeepReports are forgotten.
func (tx *Tx) AddReport(ctx context.Context, r model.BoxReport) (bool, error) {
	switch _, err := tx.q.Report(ctx, sqlcgen.ReportParams{DeviceID: r.DeviceID, ID: r.ID}); {
	case err == nil:
		return false, nil
	case !errors.Is(wrap(err, ""), ErrNotFound):
		return false, wrap(err, "look for a report")
	}
	err := tx.q.InsertReport(ctx, sqlcgen.InsertReportParams{DeviceID: r.DeviceID, ID: r.ID, Code: string(r.Code), IsOver: number(r.Over), HopID: r.Hop,
		RequestID: r.Request, Detail: r.Detail, HappenedAt: micros(r.At), ReceivedAt: micros(r.ReceivedAt)})
	if err != nil {
		return false, wrap(err, "keep a report")
	}
	oldest, err := tx.q.NthReport(ctx, sqlcgen.NthReportParams{DeviceID: r.DeviceID, Offset: KeepReports - 1})
	if err == nil {
		_, err = tx.q.DeleteReports(ctx, sqlcgen.DeleteReportsParams{DeviceID: r.DeviceID, ReceivedAt: oldest})
	}
	if err = wrap(err, "forget old reports"); errors.Is(err, ErrNotFound) {
		err = nil
	}
	return true, err
}

// Reports lists what befell a box, newest first. Index box_reports_received.
func (tx *Tx) Reports(ctx context.Context, device string, limit int) ([]model.BoxReport, error) {
	rows, err := tx.q.Reports(ctx, sqlcgen.ReportsParams{DeviceID: device, Limit: page(limit)})
	if err != nil {
		return nil, wrap(err, "list a box's reports")
	}
	return list(rows, reportOf)
}

func checkOf(r sqlcgen.BoxCheck) (model.BoxCheck, error) {
	c := model.BoxCheck{DeviceID: r.DeviceID, ReceivedAt: moment(r.ReceivedAt), Check: protocol.Check{ID: r.ID, Kind: protocol.CheckKind(r.Kind),
		At: moment(r.HappenedAt), Request: r.RequestID, Installer: r.Installer, Agent: r.Agent}}
	return c, decode(r.Items, &c.Items)
}

// BoxCheck finds one check of a box.
func (tx *Tx) BoxCheck(ctx context.Context, device, id string) (model.BoxCheck, error) {
	r, err := tx.q.BoxCheck(ctx, sqlcgen.BoxCheckParams{DeviceID: device, ID: id})
	if err != nil {
		return model.BoxCheck{}, wrap(err, "find a check")
	}
	return checkOf(r)
}

// AddCheck keeps what was found when a box was looked through. Checks beyond
// the newest KeepChecks are forgotten.
func (tx *Tx) AddCheck(ctx context.Context, c model.BoxCheck) error {
	items, err := encode(c.Items)
	if err != nil {
		return err
	}
	err = tx.q.InsertCheck(ctx, sqlcgen.InsertCheckParams{DeviceID: c.DeviceID, ID: c.ID, Kind: string(c.Kind), Verdict: string(c.Verdict()),
		RequestID: c.Request, Installer: c.Installer, Agent: c.Agent, Items: items, HappenedAt: micros(c.At), ReceivedAt: micros(c.ReceivedAt)})
	if err != nil {
		return wrap(err, "keep a check")
	}
	oldest, err := tx.q.NthCheck(ctx, sqlcgen.NthCheckParams{DeviceID: c.DeviceID, Offset: KeepChecks - 1})
	if err == nil {
		_, err = tx.q.DeleteChecks(ctx, sqlcgen.DeleteChecksParams{DeviceID: c.DeviceID, ReceivedAt: oldest})
	}
	if err = wrap(err, "forget old checks"); errors.Is(err, ErrNotFound) {
		err = nil
	}
	return err
}

// BoxChecks lists a box's checks, newest first. Index box_checks_received.
func (tx *Tx) BoxChecks(ctx context.Context, device string, limit int) ([]model.BoxCheck, error) {
	rows, err := tx.q.BoxChecks(ctx, sqlcgen.BoxChecksParams{DeviceID: device, Limit: page(limit)})
	if err != nil {
		return nil, wrap(err, "list a box's checks")
	}
	return list(rows, checkOf)
}

// AddRequest keeps what somebody asks a box for, and forgets what nobody waits
// for any more.
func (tx *Tx) AddRequest(ctx context.Context, r model.BoxRequest) error {
	if _, err := tx.q.DeletePastRequests(ctx, sqlcgen.DeletePastRequestsParams{DeviceID: r.DeviceID, At: micros(r.AskedAt)}); err != nil {
		return wrap(err, "forget old requests")
	}
	return wrap(tx.q.InsertRequest(ctx, sqlcgen.InsertRequestParams{ID: r.ID, DeviceID: r.DeviceID, Kind: string(r.Kind), Aloud: number(r.Aloud),
		AskedBy: r.AskedBy, AskedAt: micros(r.AskedAt), EndsAt: micros(r.EndsAt)}), "keep a request")
}

// OpenRequests lists what a box is still asked for, oldest first. Index
// box_requests_open.
func (tx *Tx) OpenRequests(ctx context.Context, device string, now time.Time) ([]model.BoxRequest, error) {
	rows, err := tx.q.OpenRequests(ctx, sqlcgen.OpenRequestsParams{DeviceID: device, At: micros(now)})
	if err != nil {
		return nil, wrap(err, "list a box's requests")
	}
	return list(rows, func(r sqlcgen.BoxRequest) (model.BoxRequest, error) {
		return model.BoxRequest{ID: r.ID, DeviceID: r.DeviceID, Kind: protocol.MessageType(r.Kind), Aloud: r.Aloud != 0, AskedBy: r.AskedBy,
			AskedAt: moment(r.AskedAt), EndsAt: moment(r.EndsAt), AnsweredAt: moment(r.AnsweredAt)}, nil
	})
}

// AnswerRequest notes that a box answered; false where it was not asked, or had
// answered before.
func (tx *Tx) AnswerRequest(ctx context.Context, device, id string, at time.Time) (bool, error) {
	n, err := tx.q.AnswerRequest(ctx, sqlcgen.AnswerRequestParams{At: micros(at), ID: id, DeviceID: device})
	return n == 1, wrap(err, "answer a request")
}

func clipOf(r sqlcgen.BoxClip) (model.Clip, error) {
	return model.Clip{Clip: protocol.Clip{Key: r.ClipKey, SHA256: r.Sha256, Size: r.Size}, DeviceID: r.DeviceID, Duration: span(r.DurationUs),
		SetBy: r.SetBy, SetAt: moment(r.SetAt)}, nil
}

// SetClip lets somebody else speak a sentence of a box.
func (tx *Tx) SetClip(ctx context.Context, c model.Clip) error {
	n, err := tx.q.UpdateClip(ctx, sqlcgen.UpdateClipParams{Sha256: c.SHA256, Size: c.Size, DurationUs: c.Duration.Microseconds(), SetBy: c.SetBy,
		SetAt: micros(c.SetAt), DeviceID: c.DeviceID, ClipKey: c.Key})
	if err == nil && n == 0 {
		err = tx.q.InsertClip(ctx, sqlcgen.InsertClipParams{DeviceID: c.DeviceID, ClipKey: c.Key, Sha256: c.SHA256, Size: c.Size,
			DurationUs: c.Duration.Microseconds(), SetBy: c.SetBy, SetAt: micros(c.SetAt)})
	}
	return wrap(err, "keep a clip")
}

// DeleteClip lets a box speak a sentence as it was delivered; false where it did already.
func (tx *Tx) DeleteClip(ctx context.Context, device, key string) (bool, error) {
	n, err := tx.q.DeleteClip(ctx, sqlcgen.DeleteClipParams{DeviceID: device, ClipKey: key})
	return n == 1, wrap(err, "remove a clip")
}

// Clips lists a box's clips by key.
func (tx *Tx) Clips(ctx context.Context, device string) ([]model.Clip, error) {
	rows, err := tx.q.Clips(ctx, sqlcgen.ClipsParams{DeviceID: device, Limit: MaxPage})
	if err != nil {
		return nil, wrap(err, "list a box's clips")
	}
	return list(rows, clipOf)
}

// DeviceHasClip reports whether bytes are a clip of a box. Index box_clips_sha256.
func (tx *Tx) DeviceHasClip(ctx context.Context, device, sha256 string) (bool, error) {
	n, err := tx.q.ClipOfDevice(ctx, sqlcgen.ClipOfDeviceParams{Sha256: sha256, DeviceID: device})
	return n > 0, wrap(err, "look for a clip")
}

func number(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}
