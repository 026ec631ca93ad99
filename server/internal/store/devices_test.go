package store

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
)

func TestDevices(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s, ctx := open(), t.Context()
		d := newDevice("Küche 🍲")
		d.BoardModel, d.BoardSerial, d.Agent, d.EnrolledBy = "Pi Zero 2 W", "10000000abc", "1.0", NewID()
		d.Capabilities = protocol.Capabilities{Buttons: 1, Microphone: true, Audio: "audio/wav"}
		must(t, s, func(tx *Tx) error { return tx.CreateDevice(ctx, d) })
		d.Version = 1
		for name, find := range map[string]func(*Tx) (model.Device, error){
			"id":     func(tx *Tx) (model.Device, error) { return tx.Device(ctx, d.ID) },
			"secret": func(tx *Tx) (model.Device, error) { return tx.DeviceBySecretHash(ctx, d.SecretHash) },
			"name":   func(tx *Tx) (model.Device, error) { return tx.DeviceByName(ctx, "kÜCHE 🍲") },
			"board":  func(tx *Tx) (model.Device, error) { return tx.DeviceByBoard(ctx, d.BoardSerial) },
		} {
			if got := view(t, s, find); !reflect.DeepEqual(got, d) {
				t.Errorf("by %s: got %+v, want %+v", name, got, d)
			}
		}
		for key, double := range map[string]model.Device{
			KeyDeviceName:   newDevice("KÜCHE 🍲"),
			KeyDeviceSecret: {ID: NewID(), Name: "other", SecretHash: d.SecretHash},
		} {
			err := s.Tx(ctx, func(tx *Tx) error { return tx.CreateDevice(ctx, double) })
			if !errors.Is(err, ErrExists) || ExistsKey(err) != key {
				t.Errorf("%s: %v", key, err)
			}
		}

		seen := noon.Add(time.Hour)
		hello := protocol.Hello{Agent: "1.1", Capabilities: protocol.Capabilities{Buttons: 2}}
		status := protocol.Status{State: "idle", DiskFree: 1 << 40}
		touch := func(s2 model.Sighting) { must(t, s, func(tx *Tx) error { return tx.TouchDevice(ctx, d.ID, s2) }) }
		touch(model.Sighting{At: seen, Connected: true, Hello: &hello, Status: &status})
		touch(model.Sighting{At: noon}) // a late note does not turn the clock back
		touch(model.Sighting{At: seen})
		d.Agent, d.Capabilities, d.Status, d.FirstSeenAt, d.LastSeenAt, d.ConnectedAt = "1.1", hello.Capabilities, status, seen, seen, seen
		if got := view(t, s, func(tx *Tx) (model.Device, error) { return tx.Device(ctx, d.ID) }); !reflect.DeepEqual(got, d) {
			t.Errorf("touched: got %+v, want %+v", got, d)
		}
		must(t, s, func(tx *Tx) error {
			return errors.Join(tx.HoldDevice(ctx, d.ID, noon), tx.RevokeDevice(ctx, d.ID, noon), tx.RevokeDevice(ctx, d.ID, seen))
		})
		d.HeldAt, d.RevokedAt, d.Version = noon, noon, 3
		if got := view(t, s, func(tx *Tx) (model.Device, error) { return tx.Device(ctx, d.ID) }); !reflect.DeepEqual(got, d) {
			t.Errorf("revoked: got %+v, want %+v", got, d)
		}
		if err := s.View(ctx, func(tx *Tx) error { _, err := tx.DeviceByBoard(ctx, d.BoardSerial); return err }); !errors.Is(err, ErrNotFound) {
			t.Errorf("a revoked device's board: %v", err)
		}
		for name, call := range map[string]func(*Tx) error{
			"touch":  func(tx *Tx) error { return tx.TouchDevice(ctx, "none", model.Sighting{At: noon}) },
			"revoke": func(tx *Tx) error { return tx.RevokeDevice(ctx, "none", noon) },
			"hold":   func(tx *Tx) error { return tx.HoldDevice(ctx, "none", noon) },
			"bump":   func(tx *Tx) error { _, err := tx.BumpDevice(ctx, "none"); return err },
			"claim":  func(tx *Tx) error { _, _, err := tx.ClaimDevice(ctx, "none", "hop"); return err },
			"find":   func(tx *Tx) error { _, err := tx.Device(ctx, "none"); return err },
		} {
			if err := s.Tx(ctx, call); !errors.Is(err, ErrNotFound) {
				t.Errorf("%s: %v, want ErrNotFound", name, err)
			}
		}
	})
}

func TestDeviceList(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s, ctx := open(), t.Context()
		names := []string{"Attic", "bath", "Cellar 100%", "cellar_1", "Élan", "zoo"}
		must(t, s, func(tx *Tx) error {
			for _, n := range []int{4, 2, 0, 5, 3, 1} {
				if err := tx.CreateDevice(ctx, newDevice(names[n])); err != nil {
					return err
				}
			}
			return nil
		})
		for _, tt := range []struct {
			limit         int
			after, search string
			want          []string
		}{
			{10, "", "", []string{"Attic", "bath", "Cellar 100%", "cellar_1", "zoo", "Élan"}},
			{2, "", "", []string{"Attic", "bath"}},
			{2, "BATH", "", []string{"Cellar 100%", "cellar_1"}},
			{10, "", "CELLAR", []string{"Cellar 100%", "cellar_1"}},
			{10, "", "éL", []string{"Élan"}},
			{10, "", "%", []string{"Cellar 100%"}},
			{10, "", "_", []string{"cellar_1"}},
			{10, "cellar 100%", "l", []string{"cellar_1", "Élan"}},
			{10, "", "nowhere", nil},
		} {
			got := view(t, s, func(tx *Tx) ([]model.Device, error) { return tx.FindDevices(ctx, tt.limit, tt.after, tt.search) })
			if !slices.EqualFunc(got, tt.want, func(d model.Device, name string) bool { return d.Name == name }) {
				t.Errorf("%+v: got %d devices %+v", tt, len(got), got)
			}
		}
	})
}

// A search knows boxes that came since the one before, and none that was undone.
func TestFindDevices_new(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s, ctx, undone := open(), t.Context(), errors.New("undone")
		find := func() string {
			var names []string
			for _, d := range view(t, s, func(tx *Tx) ([]model.Device, error) { return tx.FindDevices(ctx, 10, "", "box") }) {
				names = append(names, d.Name)
			}
			return strings.Join(names, " ")
		}
		must(t, s, func(tx *Tx) error { return tx.CreateDevice(ctx, newDevice("box c")) })
		if got := find(); got != "box c" {
			t.Errorf("found %q", got)
		}
		if err := s.Tx(ctx, func(tx *Tx) error {
			if err := tx.CreateDevice(ctx, newDevice("box b")); err != nil {
				return err
			}
			if found, err := tx.FindDevices(ctx, 10, "", "box"); err != nil || len(found) != 2 {
				t.Errorf("in the transaction: %d, %v", len(found), err)
			}
			return undone
		}); !errors.Is(err, undone) {
			t.Fatal(err)
		}
		must(t, s, func(tx *Tx) error { return tx.CreateDevice(ctx, newDevice("box a")) })
		if got := find(); got != "box a box c" {
			t.Errorf("found %q", got)
		}
	})
}

// A list tells of a status what was kept beside it, and else what is in it.
func TestFindDevices_brief(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s, ctx := open(), t.Context()
		status := protocol.Status{State: "idle", Waiting: 3, Unsent: 1, DiskFree: 1, ClockSync: true}
		told, old := newDevice("told"), newDevice("as before")
		old.Status = status
		must(t, s, func(tx *Tx) error {
			return errors.Join(tx.CreateDevice(ctx, told), tx.CreateDevice(ctx, old), tx.TouchDevice(ctx, told.ID, model.Sighting{At: noon, Status: &status}))
		})
		for _, d := range view(t, s, func(tx *Tx) ([]model.Device, error) { return tx.FindDevices(ctx, 10, "", "") }) {
			if got := d.InBrief(); got != model.BriefOf(status) || got.Needs == "" || (d.Brief != nil) != (d.ID == told.ID) {
				t.Errorf("%s: %+v", d.Name, got)
			}
		}
	})
}

func TestClaimAndRelease(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s, ctx := open(), t.Context()
		d := newDevice("box")
		must(t, s, func(tx *Tx) error { return tx.CreateDevice(ctx, d) })
		for i, step := range []struct {
			call func(*Tx) (int64, bool, error)
			seq  int64
			ok   bool
		}{
			{func(tx *Tx) (int64, bool, error) { return tx.ReleaseDevice(ctx, d.ID, "h1") }, 0, false},
			{func(tx *Tx) (int64, bool, error) { return tx.ClaimDevice(ctx, d.ID, "h1") }, 1, true},
			{func(tx *Tx) (int64, bool, error) { return tx.ClaimDevice(ctx, d.ID, "h1") }, 0, false},
			{func(tx *Tx) (int64, bool, error) { return tx.ClaimDevice(ctx, d.ID, "h2") }, 0, false},
			{func(tx *Tx) (int64, bool, error) { return tx.ReleaseDevice(ctx, d.ID, "h2") }, 0, false},
			{func(tx *Tx) (int64, bool, error) { seq, err := tx.BumpDevice(ctx, d.ID); return seq, true, err }, 2, true},
			{func(tx *Tx) (int64, bool, error) { return tx.ReleaseDevice(ctx, d.ID, "h1") }, 3, true},
			{func(tx *Tx) (int64, bool, error) { return tx.ClaimDevice(ctx, d.ID, "h2") }, 4, true},
		} {
			must(t, s, func(tx *Tx) error {
				seq, ok, err := step.call(tx)
				if seq != step.seq || ok != step.ok {
					t.Errorf("step %d: %d, %v; want %d, %v", i, seq, ok, step.seq, step.ok)
				}
				return err
			})
		}
	})
}

func TestCodes(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s, ctx := open(), t.Context()
		newCode := func(hash string) model.EnrolCode {
			c := model.EnrolCode{ID: NewID(), Hash: hash, Label: "Kitchen", CreatedBy: NewID(), CreatedAt: noon, ExpiresAt: noon.Add(model.CodeLifetime)}
			must(t, s, func(tx *Tx) error { return tx.CreateCode(ctx, c) })
			return c
		}
		used, revoked, expired := newCode("u"), newCode("r"), newCode("e")
		act := func(call func(*Tx) (bool, error)) (ok bool) {
			must(t, s, func(tx *Tx) (err error) { ok, err = call(tx); return err })
			return ok
		}
		use := func(c model.EnrolCode, at time.Time) bool {
			return act(func(tx *Tx) (bool, error) { return tx.UseCode(ctx, c.ID, "device", at) })
		}
		revoke := func(c model.EnrolCode, at time.Time) bool {
			return act(func(tx *Tx) (bool, error) { return tx.RevokeCode(ctx, c.ID, at) })
		}
		if !use(used, noon) || use(used, noon) || revoke(used, noon) {
			t.Error("a code is used once, and then not revoked")
		}
		if !revoke(revoked, noon) || use(revoked, noon) || revoke(revoked, noon) {
			t.Error("a revoked code is not used")
		}
		if use(expired, expired.ExpiresAt) || revoke(expired, expired.ExpiresAt) {
			t.Error("an expired code is of no use")
		}
		used.UsedAt, used.UsedDevice, revoked.RevokedAt = noon, "device", noon
		if got := view(t, s, func(tx *Tx) ([]model.EnrolCode, error) { return tx.Codes(ctx, 2, "") }); !slices.Equal(got, []model.EnrolCode{expired, revoked}) {
			t.Errorf("codes %+v", got)
		}
		if got := view(t, s, func(tx *Tx) (model.EnrolCode, error) { return tx.CodeByHash(ctx, "u") }); got != used {
			t.Errorf("got %+v, want %+v", got, used)
		}
	})
}
