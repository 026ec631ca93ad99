package upload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/google/uuid"

	"illumi/protocol"
	"illumi/server/internal/model"
)

// Accept takes a whole file in one piece, for clients that cannot send it in
// parts, and finishes it as any other. More than limit bytes are refused. A
// crash in between leaves nothing: the client was told nothing yet.
func (s *Service) Accept(ctx context.Context, owner string, kind OwnerKind, role protocol.Role, r io.Reader, limit int64) (model.Upload, error) {
	if err := s.begin(); err != nil {
		return model.Upload{}, err
	}
	defer s.running.Done()
	unclaimed, kept, err := s.rec.UploadsOf(ctx, owner)
	if err != nil {
		return model.Upload{}, fmt.Errorf("upload: count what is kept for the owner: %w", err)
	}
	if unclaimed >= MaxUnclaimed || kept+limit > MaxUnclaimedBytes {
		return model.Upload{}, errUnclaimed
	}
	fresh, err := uuid.NewV7()
	if err != nil {
		return model.Upload{}, fmt.Errorf("upload: make an id: %w", err)
	}
	id := fresh.String()
	size, err := s.receive(ctx, id, r, limit)
	if err != nil {
		return model.Upload{}, errors.Join(full(err), s.drop(id))
	}
	s.mu.Lock()
	s.open[id] = entry{owner: owner, kind: kind, role: role, size: size, ready: true}
	s.mu.Unlock()
	u, err := s.Finish(ctx, id)
	if err != nil {
		return u, errors.Join(err, s.drop(id)) // nobody can go on with it
	}
	return u, nil
}

func (s *Service) receive(ctx context.Context, id string, r io.Reader, limit int64) (int64, error) {
	f, err := os.OpenFile(s.data(id), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, fmt.Errorf("upload: create: %w", err)
	}
	n, err := io.Copy(f, io.LimitReader(r, limit+1))
	if err == nil {
		err = ctx.Err()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return n, fmt.Errorf("upload: receive: %w", err)
	}
	if n > limit {
		return n, model.Refuse(protocol.CodeMediaRefused, "This file is too large.", "Send a smaller one.")
	}
	return n, nil
}
