package relay_test

import (
	"strings"
	"sync"
	"testing"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
	"illumi/server/internal/store"
)

func TestStart_refusesAndChangesNothing(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		boxes := r.enrol("ann")
		p := r.project(model.ForwardStraight)
		good := relay.StartRequest{
			ProjectID: p.ID, Title: "Gulls", Audio: r.upload(r.owner.UserID, protocol.RoleAudio, "seed"), Boxes: boxes,
		}
		stranger := r.user("stranger@example.org", model.RoleResearcher)
		for name, c := range map[string]struct {
			change func(*relay.StartRequest)
			actor  model.Actor
			want   protocol.Code
		}{
			"no boxes":         {func(q *relay.StartRequest) { q.Boxes = nil }, r.owner, protocol.CodeInvalid},
			"unknown box":      {func(q *relay.StartRequest) { q.Boxes = []string{store.NewID()} }, r.owner, protocol.CodeInvalid},
			"no title":         {func(q *relay.StartRequest) { q.Title = " \t" }, r.owner, protocol.CodeInvalid},
			"CR LF in title":   {func(q *relay.StartRequest) { q.Title = "a\r\nBcc: b" }, r.owner, protocol.CodeInvalid},
			"no recording":     {func(q *relay.StartRequest) { q.Audio = "" }, r.owner, protocol.CodeInvalid},
			"image as audio":   {func(q *relay.StartRequest) { q.Image = q.Audio }, r.owner, protocol.CodeUploadUnknown},
			"lost upload":      {func(q *relay.StartRequest) { q.Audio = store.NewID() }, r.owner, protocol.CodeUploadUnknown},
			"foreign upload":   {func(q *relay.StartRequest) { q.Audio = r.upload("other", protocol.RoleAudio, "x") }, r.owner, protocol.CodeUploadUnknown},
			"bad seed":         {func(q *relay.StartRequest) { q.Seed = "12" }, r.owner, protocol.CodeInvalid},
			"too many":         {func(q *relay.StartRequest) { q.Count = 51 }, r.owner, protocol.CodeInvalid},
			"foreign project":  {func(*relay.StartRequest) {}, stranger, protocol.CodeNotFound},
			"no such project":  {func(q *relay.StartRequest) { q.ProjectID = "../x" }, r.owner, protocol.CodeNotFound},
			"key of a century": {func(q *relay.StartRequest) { q.Key = digest("x") }, r.owner, protocol.CodeInvalid},
		} {
			t.Run(name, func(t *testing.T) {
				q := good
				c.change(&q)
				_, err := r.s.Start(r.ctx, c.actor, q)
				refused(t, err, c.want)
			})
		}
		if rows, err := r.s.Whispers(r.ctx, r.owner, p.ID, "", 10); err != nil || len(rows) != 0 {
			t.Errorf("%d whispers were started, %v", len(rows), err)
		}
		if len(r.open(boxes[0])) != 0 {
			t.Error("a box got something")
		}
		if _, err := r.s.Start(r.ctx, r.owner, good); err != nil {
			t.Errorf("the good request is refused after the bad ones: %v", err)
		}
	})
}

// A double click, or a lost answer and a retry, starts nothing twice.
func TestStart_twice(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		boxes := r.enrol("ann", "bob")
		p := r.project(model.ForwardStraight)
		q := relay.StartRequest{
			ProjectID: p.ID, Title: "Gulls", Audio: r.upload(r.owner.UserID, protocol.RoleAudio, "seed"),
			Boxes: boxes, Count: 2, Key: store.NewID(),
		}
		var wg sync.WaitGroup
		ids := make(chan string, 8)
		for range 4 {
			wg.Go(func() {
				started, err := r.s.Start(r.ctx, r.owner, q)
				if err != nil || len(started) != 2 {
					t.Errorf("%d started, %v", len(started), err)
					return
				}
				ids <- started[0].ID
			})
		}
		wg.Wait()
		close(ids)
		first := ""
		for id := range ids {
			if first == "" {
				first = id
			}
			if id != first {
				t.Error("the same request started different whispers")
			}
		}
		rows, err := r.s.Whispers(r.ctx, r.owner, p.ID, "", 10)
		r.must(err)
		if len(rows) != 2 {
			t.Fatalf("%d whispers, want 2", len(rows))
		}
		if rows[0].Title == rows[1].Title {
			t.Error("two whispers of one start cannot be told apart")
		}
	})
}

// The order depends on seed and names only, not on the ids of this database.
func TestStart_sameSeedSameOrder(t *testing.T) {
	order := func(seed byte) string {
		r := newRig(t, "sqlite:"+t.TempDir()+"/x.db")
		names := map[string]string{}
		boxes := r.enrol("conandoyle", "janeeyre", "beargrylls", "holmes", "watson")
		for i, name := range []string{"conandoyle", "janeeyre", "beargrylls", "holmes", "watson"} {
			names[boxes[i]] = name
		}
		s := ""
		for _, h := range r.start(r.project(model.ForwardStraight), boxes, seed).Hops {
			s += names[h.DeviceID] + " "
		}
		return s
	}
	one, two, other := order(1), order(1), order(2)
	if one != two {
		t.Errorf("the same seed gave %s and %s", one, two)
	}
	if one == other {
		t.Errorf("two seeds gave %s", one)
	}
}

func TestOthers_seeNothing(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		boxes := r.enrol("ann")
		p := r.project(model.ForwardStraight)
		w := r.start(p, boxes, 1)
		file := relay.FileWish{Whisper: w.ID, Role: protocol.RoleAudio, Variant: model.VariantShared}
		stranger := r.user("stranger@example.org", model.RoleResearcher)
		for name, ask := range map[string]func(model.Actor) error{
			"project":  func(a model.Actor) error { _, err := r.s.Project(r.ctx, a, p.ID); return err },
			"whispers": func(a model.Actor) error { _, err := r.s.Whispers(r.ctx, a, p.ID, "", 1); return err },
			"whisper":  func(a model.Actor) error { _, err := r.s.Whisper(r.ctx, a, w.ID); return err },
			"file":     func(a model.Actor) error { _, err := r.s.FindFile(r.ctx, a, file); return err },
			"pause":    func(a model.Actor) error { return r.s.Pause(r.ctx, a, w.ID) },
			"resume":   func(a model.Actor) error { return r.s.Resume(r.ctx, a, w.ID) },
		} {
			for who, a := range map[string]model.Actor{"a stranger": stranger, "nobody": {}} {
				err := ask(a)
				if e, ok := model.AsError(err); !ok || e.Code != protocol.CodeNotFound {
					t.Errorf("%s of %s: %v", name, who, err)
				}
			}
			for _, a := range []model.Actor{r.owner, r.admin} {
				if err := ask(a); err != nil {
					t.Errorf("%s refused to one who may: %v", name, err)
				}
			}
		}
		refused(t, r.s.End(r.ctx, stranger, w.ID), protocol.CodeNotFound)
		for name, err := range map[string]error{
			"make a code": second(r.s.MakeCode(r.ctx, r.owner, "x")),
			"revoke code": r.s.RevokeCode(r.ctx, r.owner, "x"),
			"revoke box":  r.s.RevokeBox(r.ctx, r.owner, boxes[0]),
		} {
			if e, ok := model.AsError(err); !ok || e.Code != protocol.CodeForbidden {
				t.Errorf("a researcher may %s: %v", name, err)
			}
		}
		if rows, err := r.s.Projects(r.ctx, stranger, "", 10); err != nil || len(rows) != 0 {
			t.Errorf("a stranger's list has %d projects, %v", len(rows), err)
		}
	})
}

func second(_ string, _ model.EnrolCode, err error) error { return err }

func TestStart_designs(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		boxes := r.enrol("ann", "bob", "cyd", "dot")
		p := r.project(model.ForwardStraight)
		begin := func(q relay.StartRequest) ([]model.Whisper, error) {
			q.ProjectID, q.Title, q.Audio = p.ID, "Designed", r.upload(r.owner.UserID, protocol.RoleAudio, "seed "+string(q.Design))
			return r.s.Start(r.ctx, r.owner, q)
		}
		rows := func(list []model.Whisper) (out []string) {
			for _, w := range list {
				row := ""
				for i, h := range w.Hops {
					if h.Course.Planned != i+1 {
						t.Errorf("planned %d at %d", h.Course.Planned, i+1)
					}
					row += r.view(w.ID).Boxes[h.DeviceID].Name + " "
				}
				out = append(out, row)
			}
			return out
		}
		// What was previewed is what starts.
		for _, design := range []relay.Design{relay.Shuffled, relay.Balanced} {
			q := relay.StartRequest{Design: design, Boxes: boxes, Count: 2}
			q.ProjectID = p.ID
			plan, seed, err := r.s.Preview(r.ctx, r.owner, q)
			r.must(err)
			q.Seed = seed
			list, err := begin(q)
			r.must(err)
			if len(list) != len(plan.Rows) || design == relay.Balanced && len(list) != 4 {
				t.Fatalf("%s: %d whispers of %d rows", design, len(list), len(plan.Rows))
			}
			for k, row := range rows(list) {
				if want := strings.Join(plan.Rows[k], " ") + " "; row != want {
					t.Errorf("%s %d: %q, the preview said %q", design, k, row, want)
				}
				if w := list[k]; w.Policy.Number != k+1 || w.Policy.Batch != list[0].Policy.Batch || w.Policy.Software == "" {
					t.Errorf("%s: policy %+v", design, w.Policy)
				}
			}
		}
		list, err := begin(relay.StartRequest{Design: relay.Fixed, Boxes: []string{boxes[2], boxes[0]}})
		r.must(err)
		if got := rows(list); got[0] != "cyd ann " || list[0].Order.Algorithm != "fixed-1" || list[0].Order.Seed != "" {
			t.Errorf("fixed: %q, %+v", got, list[0].Order)
		}
		list, err = begin(relay.StartRequest{Design: relay.Uploaded, Rows: "bob;dot\nann;cyd;bob\n"})
		r.must(err)
		if got := rows(list); len(got) != 2 || got[0] != "bob dot " || got[1] != "ann cyd bob " {
			t.Errorf("uploaded: %q", got)
		}
		for what, q := range map[string]relay.StartRequest{
			"boxes":  {Design: relay.Fixed, Boxes: []string{boxes[0], boxes[0]}},
			"rows":   {Design: relay.Uploaded, Rows: "bob,eve"},
			"design": {Design: "dice", Boxes: boxes},
			"seed":   {Design: relay.Balanced, Boxes: boxes, Seed: "x"},
		} {
			_, err := begin(q)
			if e, ok := model.AsError(err); !ok || e.Field != what {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}
