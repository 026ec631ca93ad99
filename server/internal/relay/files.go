package relay

import (
	"context"
	"slices"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/store"
)

// FilesOf are the files of one answer; those of the seed for "". An answer is
// known by its id alone: a turn can move after a late answer to it came.
func (v *View) FilesOf(reply string) []model.File {
	var files []model.File
	for _, f := range v.Files {
		if f.ReplyID == reply && (reply != "" || f.Position == 0) {
			files = append(files, f)
		}
	}
	return files
}

// FileWish names one file of a whisper. Position 0 is the seed; an empty Reply
// means the one that the chain goes on with.
type FileWish struct {
	Whisper  string
	Position int
	Role     protocol.Role
	Variant  model.Variant
	Reply    string
}

// FindFile loads the description of one file that the actor may see, without
// the rest of its whisper's page.
func (s *Service) FindFile(ctx context.Context, actor model.Actor, wish FileWish) (model.File, error) {
	var found model.File
	err := s.db.View(ctx, func(tx *store.Tx) error {
		wh, _, err := s.whisperOf(ctx, tx, actor, wish.Whisper, model.Hear)
		if err != nil {
			return err
		}
		reply := wish.Reply
		if hop, ok := wh.Hop(wish.Position); ok && reply == "" {
			if reply = hop.ReplyID; reply == "" {
				return model.NotFound("file") // not answered yet
			}
		}
		files, err := tx.FilesOfPosition(ctx, wish.Whisper, wish.Position)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(files, func(f model.File) bool {
			return f.ReplyID == reply && f.Role == wish.Role && f.Variant == wish.Variant
		})
		if i < 0 {
			return model.NotFound("file")
		}
		found = files[i]
		return nil
	})
	return found, err
}
