package relay_test

import (
	"testing"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

func TestFindFile(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		boxes := r.enrol("ann", "ben")
		w := r.start(r.project(model.ForwardStraight), boxes, 1)
		first := w.Hops[0].DeviceID
		offer := r.offer(first)
		receipt := r.reply(first, offer, "hello")
		late := r.answer(first, offer, "hello again")
		late.Epoch = offer.Epoch
		if got, err := r.s.Reply(r.ctx, first, offer.Hop, late); err != nil || got.State != protocol.ReplyLate {
			t.Fatalf("a second answer is %s, %v", got.State, err)
		}
		wish := func(position int, v model.Variant, reply string) relay.FileWish {
			return relay.FileWish{Whisper: w.ID, Position: position, Role: protocol.RoleAudio, Variant: v, Reply: reply}
		}
		for _, tt := range []struct {
			name string
			wish relay.FileWish
			want string // whose digest
		}{
			{"seed", wish(0, model.VariantShared, ""), digest("shared seed")},
			{"seed as it came", wish(0, model.VariantOriginal, ""), digest("seed")},
			{"accepted answer", wish(1, model.VariantOriginal, ""), digest("hello")},
			{"the same, named", wish(1, model.VariantOriginal, receipt.Reply), digest("hello")},
			{"late answer", wish(1, model.VariantShared, late.ID), digest("shared hello again")},
		} {
			f, err := r.s.FindFile(r.ctx, r.owner, tt.wish)
			if err != nil || f.SHA256 != tt.want {
				t.Errorf("%s: %s, %v", tt.name, f.SHA256, err)
			}
		}
		image := wish(0, model.VariantShared, "")
		image.Role = protocol.RoleImage
		for name, missing := range map[string]relay.FileWish{
			"no image": image, "not answered": wish(2, model.VariantShared, ""), "no such turn": wish(3, model.VariantShared, ""),
			"another turn's answer": wish(2, model.VariantShared, receipt.Reply), "no such whisper": {Whisper: "x"},
		} {
			_, err := r.s.FindFile(r.ctx, r.owner, missing)
			if e, ok := model.AsError(err); !ok || e.Code != protocol.CodeNotFound {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
