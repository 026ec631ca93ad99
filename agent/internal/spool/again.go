package spool

import (
	"errors"
	"path"
	"time"

	"illumi/protocol"
)

// quietName marks an item of the outbox that nobody waits for.
const quietName = "quiet.json"

// Why an item is quiet; a refused one has the server's code instead.
const reasonAgain = "sent_again"

type quiet struct {
	Reason string `json:"reason"`
}

// Quieten marks a reply of the outbox as one that its citizen need not be told
// of any more, also after a restart: the server refuses it, for the reason
// given. It stays and is tried again.
func (s *Spool) Quieten(id, reason string) error { return s.beside(id, quietName, quiet{reason}) }

// SendAgain is for an open offer that the server showed to a question asked at
// a time, and that the box may have answered already. have says that it has:
// the answer waits in the outbox or is at the server. Was it at the server
// before the question, then the server has lost it (its database was set back
// to a backup), and the answer goes back to the outbox, quietly: its citizen
// was thanked. Does the server show the offer even then, have is false: it keeps
// that answer beside the chain and waits for another one. The upload ids and the mark of MarkPut stay with it, so that a
// server that has the reply after all answers the same receipt at once, and
// only the server can give it back.
func (s *Spool) SendAgain(hop string, epoch int, asked time.Time) (it Item, have, again bool, err error) {
	s.boxMu.Lock()
	defer s.boxMu.Unlock()
	waits, err := s.disk.names("outbox")
	if err != nil {
		return it, false, false, tell("look for an answer", err)
	}
	for _, id := range waits {
		it, err := s.readManifest(path.Join("outbox", id))
		switch {
		case err == nil && protocol.ValidID(id) && it.Hop == hop && it.Epoch >= epoch:
			return it, true, false, nil
		case err != nil && !errors.Is(err, ErrDamaged):
			return it, false, false, tell("look for an answer", err)
		}
	}
	sent, err := s.sentItems()
	if err != nil {
		return it, false, false, err
	}
	// The newest one: an earlier take of the same turn was taken back.
	for i := len(sent) - 1; i >= 0; i-- {
		it := sent[i]
		if it.Hop != hop || it.Epoch != epoch || it.Receipt.State == protocol.ReplyTakenBack {
			continue
		}
		if s.sentAt[it.ID].After(asked) {
			return it.Item, true, false, nil // the list is older than the receipt
		}
		if s.repeated[it.ID] && !s.leaving(it.ID) {
			continue // the server has it again and wants another answer all the same
		}
		if err := s.sendAgain(it.ID); err != nil {
			return it.Item, true, false, tell("send a reply again", err)
		}
		it.Quiet = true
		return it.Item, true, true, nil
	}
	return it, false, false, nil
}

// LastTake is the highest number of a take that was sealed for an offer and is
// still here, 0 for none: a new one under it would be taken for the old one.
func (s *Spool) LastTake(hop string, epoch int) (int, error) {
	s.boxMu.Lock()
	defer s.boxMu.Unlock()
	last := 0
	for _, dir := range []string{"outbox", "sent"} {
		names, err := s.disk.names(dir)
		if err != nil {
			return 0, tell("look for takes", err)
		}
		for _, id := range names {
			it, err := s.readManifest(path.Join(dir, id))
			switch {
			case err == nil && it.Hop == hop && it.Epoch == epoch:
				last = max(last, it.Take)
			case err != nil && !errors.Is(err, ErrDamaged):
				return 0, tell("look for takes", err)
			}
		}
	}
	return last, nil
}

// sendAgain moves an item from sent to the outbox. A cut after any step is
// mended by the same call or by the next start: without a receipt and with its
// mark the item belongs to the outbox.
func (s *Spool) sendAgain(id string) error {
	from, to := path.Join("sent", id), path.Join("outbox", id)
	if err := s.disk.writeJSON(path.Join(from, quietName), quiet{reasonAgain}); err != nil {
		return err
	}
	if err := s.disk.remove(path.Join(from, receiptName)); err != nil {
		return err
	}
	if err := s.disk.syncDir(from); err != nil {
		return err
	}
	delete(s.sentAt, id)
	s.returned[id], s.repeated[id] = true, true
	return s.move(from, to)
}

// leaving reports that an item of sent is on its way back to the outbox, and so
// may not be erased.
func (s *Spool) leaving(id string) bool {
	dir := path.Join("sent", id)
	return s.disk.exists(path.Join(dir, quietName)) && !s.disk.exists(path.Join(dir, receiptName))
}

// finishAgain ends moves to the outbox that a cut interrupted.
func (s *Spool) finishAgain() error {
	names, err := s.disk.names("sent")
	if err != nil {
		return tell("finish moves", err)
	}
	for _, id := range names {
		if !protocol.ValidID(id) || !s.leaving(id) {
			continue
		}
		if err := s.sendAgain(id); err != nil {
			return tell("finish moves", err)
		}
	}
	return nil
}

// takeReturned gives the items that came back to the outbox since it was asked
// last: whoever has seen them before has to look again.
func (s *Spool) takeReturned() map[string]bool {
	s.boxMu.Lock()
	defer s.boxMu.Unlock()
	ids := s.returned
	s.returned = map[string]bool{}
	return ids
}
