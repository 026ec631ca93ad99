package store

import (
	"errors"
	"testing"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
)

// What pages add to a file and a person is read back; a person who chose
// nothing has the zero value.
func TestPages_keepWhatTheyNeed(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s, ctx := open(), t.Context()
		u := model.User{ID: NewID(), Email: "ada@example.org", Role: model.RoleAdmin, CreatedAt: noon}
		must(t, s, func(tx *Tx) error { return tx.CreateUser(ctx, u) })
		must(t, s, func(tx *Tx) error {
			got, err := tx.UserByID(ctx, u.ID)
			if err == nil && got.Prefs != (model.Prefs{}) {
				t.Errorf("a new person chose %+v", got.Prefs)
			}
			return err
		})
		must(t, s, func(tx *Tx) error { return tx.SetUserPrefs(ctx, u.ID, model.Prefs{NoShortcuts: true}) })
		must(t, s, func(tx *Tx) error {
			got, err := tx.UserByID(ctx, u.ID)
			if err == nil && !got.Prefs.NoShortcuts {
				t.Error("what was chosen is forgotten")
			}
			return err
		})
		d := newDevice("ann")
		w := newWhisper(newProject(t, s).ID, d.ID)
		must(t, s, func(tx *Tx) error { return errors.Join(tx.CreateDevice(ctx, d), tx.CreateWhisper(ctx, w)) })
		f := model.File{WhisperID: w.ID, Role: protocol.RoleAudio, Variant: model.VariantShared, SHA256: "ab", Alt: "Gulls, Möwen", CreatedAt: noon}
		must(t, s, func(tx *Tx) error { return tx.AddFiles(ctx, f, f) })
		must(t, s, func(tx *Tx) error { return tx.SetPeaks(ctx, "ab", "00ff") })
		must(t, s, func(tx *Tx) error {
			got, err := tx.FilesByWhisper(ctx, w.ID)
			for _, f := range got {
				if f.SHA256 == "ab" && (f.Peaks != "00ff" || f.Alt != "Gulls, Möwen") {
					t.Errorf("kept %+v", f)
				}
			}
			return err
		})
		must(t, s, func(tx *Tx) error {
			loads, err := tx.Loads(ctx, []string{d.ID, "nobody"}, noon.Add(-time.Hour))
			if err == nil && (loads["nobody"] != (Load{}) || loads[d.ID] != (Load{Planned: 1})) {
				t.Errorf("loads %+v", loads)
			}
			return err
		})
	})
}
