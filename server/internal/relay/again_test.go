package relay_test

import (
	"testing"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

// The answer to a start that is asked for again names all that the first one
// started, however their number came about.
func TestStart_AgainNamesAll(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		p, boxes := r.project(model.ForwardStraight), r.enrol("a", "b", "c")
		for name, wish := range map[string]relay.StartRequest{
			"shuffle":  {Boxes: boxes, Count: 3},
			"williams": {Boxes: boxes, Design: relay.Balanced},
			"table":    {Design: relay.Uploaded, Rows: "a,b\nc,a\nb,c,a\n"},
		} {
			wish.ProjectID, wish.Title, wish.Key = p.ID, name, name
			wish.Audio = r.upload(r.owner.UserID, protocol.RoleAudio, name)
			first, err := r.s.Start(r.ctx, r.owner, wish)
			r.must(err)
			again, err := r.s.Start(r.ctx, r.owner, wish)
			r.must(err)
			if len(first) < 3 || len(again) != len(first) {
				t.Errorf("%s: %d whispers, and %d when asked again", name, len(first), len(again))
				continue
			}
			for i := range first {
				if again[i].ID != first[i].ID {
					t.Errorf("%s: whisper %d is another one", name, i+1)
				}
			}
		}
	})
}
