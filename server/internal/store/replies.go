package store

import (
	"context"
	"database/sql"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/store/internal/sqlcgen"
)

func replyOf(r sqlcgen.Reply) (model.Reply, error) {
	out := model.Reply{ID: r.ID, HopID: r.HopID, WhisperID: r.WhisperID, DeviceID: r.DeviceID, Epoch: int(r.Epoch), Take: int(r.Take),
		State: protocol.ReceiptState(r.State), ReceivedAt: moment(r.ReceivedAt), RecallTill: moment(r.RecallTill), TakenBack: moment(r.TakenBackAt)}
	if err := decode(r.Facts, &out.Facts); err != nil {
		return out, err
	}
	return out, decode(r.SentFiles, &out.Files)
}

// accepted is the unique key that lets a hop have one accepted reply.
func accepted(hopID string, state protocol.ReceiptState) sql.NullString {
	return sql.NullString{String: hopID, Valid: state == protocol.ReplyAccepted}
}

// AddReply keeps a reply. A second accepted one for a hop is ErrExists
// (KeyAcceptedHop), and so is a second reply of the same id.
func (tx *Tx) AddReply(ctx context.Context, r model.Reply) error {
	facts, err := encode(r.Facts)
	if err != nil {
		return err
	}
	files, err := encode(r.Files)
	if err != nil {
		return err
	}
	return wrap(tx.q.InsertReply(ctx, sqlcgen.InsertReplyParams{ID: r.ID, HopID: r.HopID, WhisperID: r.WhisperID, DeviceID: r.DeviceID,
		Epoch: int64(r.Epoch), Take: int64(r.Take), State: string(r.State), AcceptedHop: accepted(r.HopID, r.State), Facts: facts,
		SentFiles: files, ReceivedAt: micros(r.ReceivedAt), RecallTill: micros(r.RecallTill), TakenBackAt: micros(r.TakenBack)}), "keep a reply")
}

// Reply finds a reply.
func (tx *Tx) Reply(ctx context.Context, id string) (model.Reply, error) {
	r, err := tx.q.Reply(ctx, id)
	if err != nil {
		return model.Reply{}, wrap(err, "find a reply")
	}
	return replyOf(r)
}

// RepliesByWhisper lists all replies of a whisper, oldest first, those beside
// the chain too. Index replies_whisper.
func (tx *Tx) RepliesByWhisper(ctx context.Context, whisperID string) ([]model.Reply, error) {
	rows, err := tx.q.RepliesByWhisper(ctx, whisperID)
	if err != nil {
		return nil, wrap(err, "list a whisper's replies")
	}
	return list(rows, replyOf)
}

// CountReplies counts a hop's replies of one state. Index replies_hop.
func (tx *Tx) CountReplies(ctx context.Context, hopID string, state protocol.ReceiptState) (int, error) {
	n, err := tx.q.CountReplies(ctx, sqlcgen.CountRepliesParams{HopID: hopID, State: string(state)})
	return int(n), wrap(err, "count a hop's replies")
}

// SetReplyState changes what a reply counts as. Taken back (at that time) or
// late, it makes its hop free for another accepted one; accepted while there is
// another is ErrExists.
func (tx *Tx) SetReplyState(ctx context.Context, id string, state protocol.ReceiptState, at time.Time) error {
	r, err := tx.q.Reply(ctx, id)
	if err != nil {
		return wrap(err, "find a reply")
	}
	takenBack := r.TakenBackAt
	if state == protocol.ReplyTakenBack {
		takenBack = micros(at)
	}
	n, err := tx.q.SetReplyState(ctx, sqlcgen.SetReplyStateParams{State: string(state), AcceptedHop: accepted(r.HopID, state),
		TakenBackAt: takenBack, ID: id})
	return one(n, err, "change a reply's state")
}
