package store

import (
	"fmt"
	"testing"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
)

func TestReports_OnceEachAndNewestFirst(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s, ctx := open(), t.Context()
		report := func(device, id string, at time.Time) (fresh bool) {
			must(t, s, func(tx *Tx) (err error) {
				fresh, err = tx.AddReport(ctx, model.BoxReport{DeviceID: device, ReceivedAt: at, Report: protocol.Report{
					ID: id, Code: protocol.ReportMic, Over: true, Hop: "h", Request: "r", Detail: "é", At: noon}})
				return err
			})
			return fresh
		}
		if !report("a", "1", noon) || report("a", "1", noon.Add(time.Hour)) || !report("b", "1", noon) {
			t.Error("a report is kept once for each box")
		}
		for i := range KeepReports {
			report("a", fmt.Sprint("more ", i), noon.Add(time.Duration(i+1)*time.Second))
		}
		var got, other []model.BoxReport
		must(t, s, func(tx *Tx) (err error) {
			if got, err = tx.Reports(ctx, "a", MaxPage); err == nil {
				other, err = tx.Reports(ctx, "b", 10)
			}
			return err
		})
		if len(got) != KeepReports || got[0].ID != fmt.Sprint("more ", KeepReports-1) || got[len(got)-1].ID != "more 0" {
			t.Errorf("%d reports are kept", len(got))
		}
		want := model.BoxReport{DeviceID: "b", ReceivedAt: noon, Report: protocol.Report{ID: "1", Code: protocol.ReportMic, Over: true, Hop: "h", Request: "r", Detail: "é", At: noon}}
		if len(other) != 1 || other[0] != want {
			t.Errorf("read back %+v", other)
		}
	})
}

func TestChecks_NewestFirst(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s, ctx := open(), t.Context()
		c := model.BoxCheck{DeviceID: "a", ReceivedAt: noon, Check: protocol.Check{ID: "1", Kind: protocol.CheckSelfTest, At: noon, Request: "r",
			Installer: "Robin", Agent: "1", Items: []protocol.CheckItem{{Part: "camera", Verdict: protocol.VerdictFailed, Text: "t", Next: "n"}}}}
		must(t, s, func(tx *Tx) error {
			for i := range KeepChecks {
				old := model.BoxCheck{DeviceID: "a", ReceivedAt: noon.Add(-time.Duration(i+1) * time.Minute), Check: protocol.Check{ID: fmt.Sprint("old ", i)}}
				if err := tx.AddCheck(ctx, old); err != nil {
					return err
				}
			}
			return tx.AddCheck(ctx, c)
		})
		must(t, s, func(tx *Tx) error {
			got, err := tx.BoxChecks(ctx, "a", MaxPage)
			if err == nil && (len(got) != KeepChecks || got[0].ID != "1" || got[0].Items[0] != c.Items[0] || got[0].Installer != "Robin") {
				t.Errorf("%d checks, the newest is %+v", len(got), got[0])
			}
			if _, err := tx.BoxCheck(ctx, "b", "1"); err == nil {
				t.Error("another box's check was found")
			}
			return err
		})
	})
}

func TestRequests_UntilTheyAreAnsweredOrPast(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s, ctx := open(), t.Context()
		must(t, s, func(tx *Tx) error {
			for id, ends := range map[string]time.Time{"1 soon": noon.Add(time.Minute), "2 later": noon.Add(time.Hour), "3 never": {}} {
				if err := tx.AddRequest(ctx, model.BoxRequest{ID: id, DeviceID: "a", Kind: protocol.TypeCheck, Aloud: true, AskedBy: "u", AskedAt: noon, EndsAt: ends}); err != nil {
					return err
				}
			}
			return nil
		})
		look := func(now time.Time, want ...string) {
			t.Helper()
			must(t, s, func(tx *Tx) error {
				got, err := tx.OpenRequests(ctx, "a", now)
				if len(got) != len(want) {
					t.Fatalf("%d requests are open, want %v (%v)", len(got), want, err)
				}
				for i, r := range got {
					if r.ID != want[i] || !r.Aloud || r.Kind != protocol.TypeCheck {
						t.Errorf("request %d is %+v", i, r)
					}
				}
				return err
			})
		}
		look(noon, "1 soon", "2 later", "3 never")
		look(noon.Add(time.Minute), "2 later", "3 never")
		must(t, s, func(tx *Tx) error {
			if ok, err := tx.AnswerRequest(ctx, "b", "2 later", noon); ok || err != nil {
				t.Errorf("another box answered: %v", err)
			}
			if ok, err := tx.AnswerRequest(ctx, "a", "2 later", noon); !ok || err != nil {
				t.Errorf("not answered: %v", err)
			}
			ok, err := tx.AnswerRequest(ctx, "a", "2 later", noon)
			if ok {
				t.Error("answered twice")
			}
			return err
		})
		look(noon.Add(time.Minute), "3 never")
	})
}

func TestClips_AreMediaInUse(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s, ctx := open(), t.Context()
		clip := func(key, says string) model.Clip {
			return model.Clip{DeviceID: "a", Clip: protocol.Clip{Key: key, SHA256: digest(says), Size: 7}, Duration: time.Second, SetBy: "u", SetAt: noon}
		}
		set := func(c model.Clip) { must(t, s, func(tx *Tx) error { return tx.SetClip(ctx, c) }) }
		set(clip("sent", "b"))
		set(clip("new", "first"))
		set(clip("new", "second"))
		must(t, s, func(tx *Tx) error {
			got, err := tx.Clips(ctx, "a")
			if len(got) != 2 || got[0] != clip("new", "second") || got[1] != clip("sent", "b") {
				t.Errorf("the clips are %+v", got)
			}
			for says, want := range map[string]bool{"first": false, "second": true} {
				if has, err := tx.DeviceHasClip(ctx, "a", digest(says)); has != want || err != nil {
					t.Errorf("the box has %q: %v, %v", says, has, err)
				}
			}
			if has, err := tx.DeviceHasClip(ctx, "b", digest("second")); has || err != nil {
				t.Errorf("another box has it: %v", err)
			}
			return err
		})
		for says, want := range map[string]bool{"first": false, "second": true} {
			if used, err := s.MediaInUse(ctx, digest(says)); used != want || err != nil {
				t.Errorf("%q is in use: %v, %v", says, used, err)
			}
		}
		must(t, s, func(tx *Tx) error {
			walked := 0
			for _, err := range tx.DigestsInUse(ctx) {
				if err != nil {
					return err
				}
				walked++
			}
			if walked != 2 {
				t.Errorf("a scrub meets %d digests, want 2", walked)
			}
			ok, err := tx.DeleteClip(ctx, "a", "new")
			if !ok {
				t.Error("not removed")
			}
			return err
		})
		if used, err := s.MediaInUse(ctx, digest("second")); used || err != nil {
			t.Errorf("still in use: %v", err)
		}
	})
}
