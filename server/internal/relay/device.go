package relay

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/route"
	"illumi/server/internal/store"
)

// Offers lists what changed for a box since a cursor, oldest first. An empty
// cursor asks for the turns that wait for it now.
func (s *Service) Offers(ctx context.Context, device, cursor string) (protocol.OffersPage, error) {
	page := protocol.OffersPage{Offers: []protocol.Offer{}, Cursor: cursor}
	var since int64
	if cursor != "" {
		var err error
		if since, err = strconv.ParseInt(cursor, 10, 64); err != nil || since < 0 {
			return page, model.Refuse(protocol.CodeInvalid, "This cursor is damaged.", "Ask without a cursor.")
		}
	}
	err := s.db.View(ctx, func(tx *store.Tx) error {
		d, err := tx.Device(ctx, device)
		if err != nil {
			return err
		}
		// A cursor from the future: the database was set back to a backup. The box
		// begins anew, or it would wait for numbers that come again.
		if since > d.OfferSeq {
			since = 0
		}
		rows, err := tx.OffersSince(ctx, device, since, protocol.MaxOffers+1)
		if err != nil {
			return err
		}
		if page.More = len(rows) > protocol.MaxOffers; page.More {
			rows = rows[:protocol.MaxOffers]
			page.Cursor = strconv.FormatInt(rows[len(rows)-1].Hop.Seq, 10)
		} else {
			// Everything up to the counter that this snapshot shows has been told.
			page.Cursor = strconv.FormatInt(d.OfferSeq, 10)
		}
		for _, row := range rows {
			offer, err := s.offer(ctx, tx, row, d.Site)
			if err != nil {
				return err
			}
			page.Offers = append(page.Offers, offer)
		}
		return nil
	})
	return page, err
}

func (s *Service) offer(ctx context.Context, tx *store.Tx, row store.OfferRow, site model.Site) (protocol.Offer, error) {
	h := row.Hop
	o := protocol.Offer{
		Hop: h.ID, Whisper: h.WhisperID, Position: h.Position, Epoch: max(h.Epoch, 1),
		State: protocol.OfferAnswered, SendMode: protocol.SendConfirm, PhotoAllowed: !site.NoPhoto,
		OfferedAt: h.OfferedAt, Files: []protocol.File{},
	}
	if row.Forwarding == model.ForwardPause {
		o.SendMode = protocol.SendGrace
		o.RecallSeconds = int(row.Hold.Seconds())
	}
	switch {
	case h.State.AtBox():
		o.State = protocol.OfferOpen
		files, err := tx.FilesBefore(ctx, h.WhisperID, h.Position)
		if err != nil {
			return o, err
		}
		for _, f := range files {
			o.Files = append(o.Files, protocol.File{
				Role: f.Role, SHA256: f.SHA256, Size: f.Size, Type: f.Type, Encoding: protocol.EncodingPlain,
			})
		}
	case h.State.Over() && h.State != model.HopApproved, h.State == model.HopPlanned:
		o.State = protocol.OfferWithdrawn
	}
	return o, nil
}

// Progress records how far a box is with a hop. News of a turn that is over,
// and news told before, change nothing.
func (s *Service) Progress(ctx context.Context, device string, step protocol.MessageType, p protocol.Progress) error {
	if err := p.Check(); err != nil {
		return &model.Error{Code: protocol.CodeInvalid, Sentence: "The message makes no sense.", Next: "Update the box.", Wrapped: err}
	}
	return s.do(ctx, func(w *work) error {
		wh, hop, err := hopOf(ctx, w, device, p.Hop)
		if err != nil {
			return err
		}
		d, err := w.Device(ctx, device)
		if err != nil {
			return err
		}
		_, err = s.step(ctx, w, wh, route.Progressed{Position: hop.Position, Epoch: p.Epoch, Step: step, Clock: s.clockAt(wh, d)}, nil)
		return err
	})
}

// Reply stores a citizen's answer: files that were uploaded become the hop's,
// and the whisper goes on as its project says, all in one transaction.
// Repeating a reply gives the same receipt; an answer whose turn has passed is
// kept beside the chain.
func (s *Service) Reply(ctx context.Context, device, hopID string, r protocol.Reply) (protocol.Receipt, error) {
	var receipt protocol.Receipt
	if err := r.Check(); err != nil {
		return receipt, &model.Error{Code: protocol.CodeInvalid, Sentence: "The answer is incomplete.", Next: "Update the box.", Wrapped: err}
	}
	err := s.do(ctx, func(w *work) error {
		wh, hop, err := hopOf(ctx, w, device, hopID)
		if err != nil {
			return err
		}
		switch earlier, err := w.Reply(ctx, r.ID); {
		case errors.Is(err, store.ErrNotFound):
		case err != nil:
			return err
		case earlier.HopID == hopID && earlier.DeviceID == device && sameFiles(earlier.Files, r.Files):
			receipt = receiptOf(earlier)
			return nil
		default:
			return &model.Error{
				Code: protocol.CodeReplyDiffers, State: string(earlier.State),
				Sentence: "An answer with this number is stored already, and it is a different one.", Next: "Keep this one and tell the study team.",
			}
		}
		media, err := replyMedia(ctx, w, device, r.Files)
		if err != nil {
			return err
		}
		reply := model.Reply{
			ID: r.ID, HopID: hopID, WhisperID: wh.ID, DeviceID: device, Epoch: r.Epoch, Take: r.Take,
			Facts: r.Facts, Files: r.Files, ReceivedAt: w.now,
		}
		if _, err := s.step(ctx, w, wh, route.Replied{Position: hop.Position, Epoch: r.Epoch, Reply: r.ID}, &reply); err != nil {
			return err
		}
		if err := s.roomForLate(ctx, w, wh, hop, reply); err != nil {
			return err
		}
		if err := w.AddReply(ctx, reply); err != nil {
			return lookAgain(err)
		}
		if err := addReplyFiles(ctx, w, reply, hop.Position, media); err != nil {
			return err
		}
		receipt = receiptOf(reply)
		return nil
	})
	return receipt, err
}

// maxLate bounds the answers that are kept beside the chain for one turn: a
// citizen sends one or two, a box that lost its mind sends for ever.
const maxLate = 50

// roomForLate refuses a late reply where too many are kept already. The last
// that is kept leaves a line in the history, which a refusal cannot.
func (s *Service) roomForLate(ctx context.Context, w *work, wh model.Whisper, hop model.Hop, reply model.Reply) error {
	if reply.State != protocol.ReplyLate {
		return nil
	}
	n, err := w.CountReplies(ctx, hop.ID, protocol.ReplyLate)
	switch {
	case err != nil:
		return err
	case n >= maxLate:
		return &model.Error{
			Code: protocol.CodeConflict, State: string(hop.State),
			Sentence: "Too many late answers of this turn are kept already.", Next: "Keep this one and tell the study team.",
		}
	case n == maxLate-1:
		return s.note(ctx, w, wh, route.Note{Position: hop.Position, Kind: model.EventLateFull})
	}
	return nil
}

func replyMedia(ctx context.Context, w *work, device string, files []protocol.File) ([]model.Media, error) {
	var media []model.Media
	for _, f := range files {
		u, err := w.Upload(ctx, f.Upload)
		if errors.Is(err, store.ErrNotFound) || err == nil && u.OwnerID != device {
			return nil, model.Refuse(protocol.CodeUploadUnknown, "A file of this answer has not arrived.", "Upload it again, then send the answer.")
		}
		if err != nil {
			return nil, err
		}
		if u.Media.Role != f.Role || u.Media.SHA256 != f.SHA256 || u.Media.Size != f.Size {
			return nil, model.Refuse(protocol.CodeDigestMismatch, "A file of this answer is not the one that was uploaded.", "Upload it again, then send the answer.")
		}
		media = append(media, u.Media)
	}
	return media, nil
}

func addReplyFiles(ctx context.Context, w *work, r model.Reply, position int, media []model.Media) error {
	for i, m := range media {
		for _, f := range filesOf(m, w.now) {
			f.WhisperID, f.HopID, f.ReplyID, f.Position = r.WhisperID, r.HopID, r.ID, position
			if err := w.AddFile(ctx, f); err != nil {
				return err
			}
		}
		if err := w.DeleteUpload(ctx, r.Files[i].Upload); err != nil {
			return err
		}
	}
	return nil
}

// TakeBack gives an answer back to its citizen while nobody else has heard it.
// The server keeps that it happened, not what was said.
func (s *Service) TakeBack(ctx context.Context, device, hopID, replyID string) (protocol.Receipt, error) {
	var receipt protocol.Receipt
	err := s.do(ctx, func(w *work) error {
		wh, hop, err := hopOf(ctx, w, device, hopID)
		if err != nil {
			return err
		}
		reply, err := w.Reply(ctx, replyID)
		if errors.Is(err, store.ErrNotFound) || err == nil && reply.HopID != hopID {
			return model.Refuse(protocol.CodeHopUnknown, "This answer is not known here.", "Nothing needs to be taken back.")
		}
		if err != nil {
			return err
		}
		switch reply.State {
		case protocol.ReplyTakenBack:
			receipt = receiptOf(reply)
			return nil
		case protocol.ReplyLate:
			return &model.Error{
				Code: protocol.CodeReplyForwarded, State: string(reply.State),
				Sentence: "This answer came after its turn. It went to nobody, and cannot be taken back.", Next: "Ring the study team.",
			}
		}
		seq, ok, err := w.ClaimDevice(ctx, device, hopID)
		if err == nil && !ok {
			// The box has its next turn already; this one comes on top of it.
			seq, err = w.BumpDevice(ctx, device)
		}
		if err != nil {
			return err
		}
		d, err := w.Device(ctx, device)
		if err != nil {
			return err
		}
		next, err := s.step(ctx, w, wh, route.TakenBack{Position: hop.Position, Reply: replyID, Seq: seq, Clock: s.clockAt(wh, d)}, &reply)
		if err != nil {
			return err
		}
		if h, _ := next.Hop(hop.Position); !h.State.AtBox() {
			// Over all the same: do not keep the box waiting for it.
			if _, _, err := w.ReleaseDevice(ctx, device, hopID); err != nil {
				return err
			}
			w.serve = append(w.serve, device)
		}
		if err := w.SetReplyState(ctx, replyID, protocol.ReplyTakenBack, w.now); err != nil {
			return err
		}
		files, err := w.FilesOfPosition(ctx, wh.ID, hop.Position)
		if err != nil {
			return err
		}
		var digests []string
		for _, f := range files {
			if f.ReplyID == replyID && !slices.Contains(digests, f.SHA256) {
				digests = append(digests, f.SHA256)
			}
		}
		if err := w.DeleteReplyFiles(ctx, replyID); err != nil {
			return err
		}
		at := w.now
		w.after(func(t Teller) { t.Unnamed(digests, at) })
		receipt = receiptOf(reply)
		return nil
	})
	return receipt, err
}

// MayRead reports whether a box may fetch a file: it belongs to what waits for
// it now.
func (s *Service) MayRead(ctx context.Context, device, digest string) (bool, error) {
	var ok bool
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		ok, err = tx.DeviceMayRead(ctx, device, digest)
		return err
	})
	return ok, err
}

// hopOf loads a whisper by one of its hops. Another box's hop is as unknown as
// one that never was.
func hopOf(ctx context.Context, w *work, device, hopID string) (model.Whisper, model.Hop, error) {
	unknown := model.Refuse(protocol.CodeHopUnknown, "This box has no such turn.", "Ask for the offers again.")
	if !protocol.ValidID(hopID) {
		return model.Whisper{}, model.Hop{}, unknown
	}
	wh, err := w.WhisperByHop(ctx, hopID)
	if errors.Is(err, store.ErrNotFound) {
		return wh, model.Hop{}, unknown
	}
	if err != nil {
		return wh, model.Hop{}, err
	}
	hop, ok := wh.HopByID(hopID)
	if !ok || hop.DeviceID != device {
		return wh, model.Hop{}, unknown
	}
	return wh, *hop, nil
}

func sameFiles(a, b []protocol.File) bool {
	return slices.EqualFunc(a, b, func(x, y protocol.File) bool {
		return x.Role == y.Role && x.SHA256 == y.SHA256 && x.Size == y.Size
	})
}

func receiptOf(r model.Reply) protocol.Receipt {
	out := protocol.Receipt{
		Reply: r.ID, Hop: r.HopID, Whisper: r.WhisperID, State: r.State, ReceivedAt: r.ReceivedAt, Files: r.Files,
	}
	if !r.RecallTill.IsZero() && r.State == protocol.ReplyAccepted {
		until := r.RecallTill
		out.RecallUntil = &until
	}
	return out
}
