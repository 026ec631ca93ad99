package spool

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"illumi/protocol"
)

var tctx = context.Background()

var errCut = errors.New("cut")

// rig counts the steps of a spool and fails them. It also remembers what a
// power cut would lose: bytes that were not synced, names whose directory was not.
type rig struct {
	dir   string
	at    int  // step to fail at; -1 never
	die   bool // every later step fails too
	count int
	hit   bool
	armed bool
	log   []done
	dirty map[string]bool // files with unsynced bytes, by present name
}

// done is a step that changed a directory and is not yet synced.
type done struct {
	parent string
	undo   func()
}

func (r *rig) fault(op Op, name string) error {
	if !r.armed {
		return nil
	}
	n := r.count
	r.count++
	if n == r.at || r.die && n > r.at && r.at >= 0 {
		r.hit = true
		if op == OpWrite && n == r.at {
			r.dirty[name] = true
		}
		return errCut
	}
	r.remember(op, name)
	return nil
}

func (r *rig) full(name string) string { return filepath.Join(r.dir, filepath.FromSlash(name)) }

// remember is called before the step happens.
func (r *rig) remember(op Op, name string) {
	from, to, _ := strings.Cut(name, " ")
	parent := filepath.Dir(from)
	switch op {
	case OpCreate, OpMkdir:
		if _, err := os.Stat(r.full(name)); err == nil {
			return
		}
		if op == OpCreate {
			r.dirty[name] = true
		}
		r.log = append(r.log, done{parent, func() { _ = os.RemoveAll(r.full(name)) }})
	case OpWrite:
		r.dirty[name] = true
	case OpSync:
		delete(r.dirty, name)
	case OpLink:
		if r.dirty[from] {
			r.dirty[to] = true
		}
		r.log = append(r.log, done{filepath.Dir(to), func() { _ = os.RemoveAll(r.full(to)) }})
	case OpRename:
		old, had := os.ReadFile(r.full(to))
		for name := range r.dirty {
			if name == from || strings.HasPrefix(name, from+"/") {
				r.dirty[to+strings.TrimPrefix(name, from)] = true
				delete(r.dirty, name)
			}
		}
		r.log = append(r.log, done{filepath.Dir(to), func() {
			_ = os.Rename(r.full(to), r.full(from))
			if had == nil {
				_ = os.WriteFile(r.full(to), old, 0o600)
			}
		}})
	case OpRemove:
		delete(r.dirty, name)
		old, err := os.ReadFile(r.full(name))
		if err == nil {
			r.log = append(r.log, done{parent, func() { _ = os.WriteFile(r.full(name), old, 0o600) }})
		}
	case OpSyncDir:
		r.log = slices.DeleteFunc(r.log, func(d done) bool { return d.parent == name })
	}
}

// powerOff loses everything that was not synced.
func (r *rig) powerOff(t *testing.T) {
	t.Helper()
	for name := range r.dirty {
		if fi, err := os.Stat(r.full(name)); err == nil {
			must(t, os.Truncate(r.full(name), fi.Size()/2))
		}
	}
	for _, d := range slices.Backward(r.log) {
		d.undo()
	}
}

// scenario is a change that must happen wholly or not at all.
type scenario struct {
	name  string
	setup func(t *testing.T, s *Spool)
	act   func(s *Spool) error
	// check sees the spool after the cut; done says that act had returned nil.
	check func(t *testing.T, s *Spool, done bool)
}

func TestCuts(t *testing.T) {
	for _, sc := range append(scenarios(), anotherHome()) {
		for _, mode := range []string{"one step fails", "killed", "power cut"} {
			t.Run(sc.name+"/"+mode, func(t *testing.T) {
				for at := 0; ; at++ {
					if !cutAt(t, sc, mode, at) {
						if at < 3 {
							t.Errorf("only %d steps: the scenario does nothing", at)
						}
						return
					}
					if t.Failed() {
						t.Fatalf("at step %d", at)
					}
				}
			})
		}
	}
}

// cutAt reports false once there is no such step.
func cutAt(t *testing.T, sc scenario, mode string, at int) bool {
	t.Helper()
	r := &rig{dir: t.TempDir(), at: at, die: mode != "one step fails", dirty: map[string]bool{}}
	o := Options{Dir: r.dir, Fault: r.fault}
	s, err := Open(o)
	must(t, err)
	sc.setup(t, s)
	r.armed = true
	actErr := sc.act(s)
	r.armed = false
	if r.hit && actErr != nil && !errors.Is(actErr, errCut) {
		t.Errorf("step %d: error %v does not tell what failed", at, actErr)
	}
	must(t, s.Close())
	if mode == "power cut" {
		r.powerOff(t)
	}
	s, err = Open(Options{Dir: r.dir})
	must(t, err)
	sc.check(t, s, actErr == nil)
	noOrphans(t, r.dir)
	must(t, sc.act(s)) // and the same again ends well
	sc.check(t, s, true)
	must(t, s.Close())
	return r.hit
}

func noOrphans(t *testing.T, dir string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(name string, _ os.DirEntry, err error) error {
		if err == nil && orphan(filepath.Base(name)) {
			t.Errorf("left behind: %s", filepath.Base(name))
		}
		return err
	}))
}

func scenarios() []scenario {
	voice, photo := sound(1, 3000), sound(2, 2000)
	a, b, c := describe(protocol.RoleAudio, voice), describe(protocol.RoleImage, photo), describe(protocol.RoleAudio, photo)
	takeHere := func(t *testing.T, s *Spool) {
		t.Helper()
		sameFile(t, s.abs("takes/"+id(1)+"/1.wav"), voice)
	}
	recorded := func(t *testing.T, s *Spool) { record(t, s, 1, 1, voice, photo) }
	sealed := func(t *testing.T, s *Spool) {
		recorded(t, s)
		_, err := s.Seal(draft(s, 1, 1, true))
		must(t, err)
		must(t, s.EraseTakes(id(1)))
	}
	first := func(s *Spool) (Item, bool) {
		list, _, err := s.Items()
		if err != nil || len(list) == 0 {
			return Item{}, false
		}
		return list[0], true
	}
	return []scenario{
		{"seal", recorded,
			func(s *Spool) error { _, err := s.Seal(draft(s, 1, 1, true)); return err },
			func(t *testing.T, s *Spool, done bool) {
				takeHere(t, s)
				list := items(t, s)
				if len(list) > 1 || done && len(list) != 1 {
					t.Errorf("%d items, done %v", len(list), done)
				}
			}},
		{"seal what lies elsewhere", func(t *testing.T, s *Spool) { must(t, os.WriteFile(s.o.Dir+"-x.wav", voice, 0o600)) },
			func(s *Spool) error {
				d := draft(s, 1, 1, false)
				d.Files[0].Path = s.o.Dir + "-x.wav"
				_, err := s.Seal(d)
				return err
			},
			func(t *testing.T, s *Spool, done bool) {
				if n := len(items(t, s)); n > 1 || done && n != 1 {
					t.Errorf("%d items, done %v", n, done)
				}
			}},
		{"sent", sealed,
			func(s *Spool) error {
				it, ok := first(s)
				if !ok {
					return nil
				}
				return s.Sent(it.ID, receipt(it))
			},
			func(t *testing.T, s *Spool, done bool) {
				sent, err := s.SentItems()
				must(t, err)
				open := items(t, s)
				if len(open)+len(sent) != 1 || done && len(sent) != 1 {
					t.Errorf("%d open, %d sent, done %v", len(open), len(sent), done)
				}
				for _, it := range sent {
					must(t, it.Receipt.Proves(it.Hop, it.Reply(nil)))
				}
			}},
		{"unseal", sealed,
			func(s *Spool) error {
				it, ok := first(s)
				if !ok {
					return nil
				}
				return s.Unseal(it.ID)
			},
			func(t *testing.T, s *Spool, done bool) {
				if len(items(t, s)) == 0 || done {
					takeHere(t, s)
					sameFile(t, s.abs("takes/"+id(1)+"/1.jpg"), photo)
				}
				if done && len(items(t, s)) != 0 {
					t.Error("still sealed")
				}
			}},
		{"journal", func(t *testing.T, s *Spool) { must(t, s.Save("flow", "old")) },
			func(s *Spool) error { return s.Save("flow", "new") },
			func(t *testing.T, s *Spool, done bool) {
				var got string
				found, err := s.Load("flow", &got)
				must(t, err)
				if !found || got != "new" && (done || got != "old") {
					t.Errorf("%q, found %v, done %v", got, found, done)
				}
			}},
		{"fetch", func(*testing.T, *Spool) {},
			func(s *Spool) error {
				if _, err := s.Reserve(offer(1, 1, a, b)); err != nil {
					return err
				}
				for _, f := range []struct {
					protocol.File
					data []byte
				}{{a, voice}, {b, photo}} {
					if !missing(s, f.File) {
						continue
					}
					if err := fetch(s, id(1), f.File, f.data); err != nil {
						if errors.Is(err, ErrDamaged) { // half bytes after a power cut: again, from the start
							err = fetch(s, id(1), f.File, f.data)
						}
						if err != nil {
							return err
						}
					}
				}
				_, err := s.Complete(id(1), 1)
				return err
			},
			func(t *testing.T, s *Spool, done bool) {
				e, err := s.Entry(id(1))
				if errors.Is(err, ErrUnknown) && !done {
					return
				}
				must(t, err)
				if e.Ready {
					must(t, s.Recheck(id(1)))
				}
				if done && !e.Ready {
					t.Error("not ready")
				}
			}},
		{"offered anew", func(t *testing.T, s *Spool) {
			_, err := s.Reserve(offer(1, 1, a))
			must(t, err)
			must(t, fetch(s, id(1), a, voice))
			_, err = s.Complete(id(1), 1)
			must(t, err)
		},
			func(s *Spool) error { _, err := s.Reserve(offer(1, 2, c)); return err },
			func(t *testing.T, s *Spool, done bool) {
				e, err := s.Entry(id(1))
				must(t, err)
				if e.Ready && e.Offer.Epoch == 2 {
					t.Error("ready with the old recording")
				}
				if done && e.Offer.Epoch != 2 {
					t.Error("the new epoch is lost")
				}
			}},
		{"keep a take", func(t *testing.T, s *Spool) {
			f, err := s.CreateTake(id(1), 1)
			must(t, err)
			_, err = f.Write(voice)
			must(t, err)
			must(t, f.Close())
		},
			func(s *Spool) error { _, err := s.KeepTake(id(1), 1); return err },
			func(t *testing.T, s *Spool, done bool) {
				takes, err := s.Takes()
				must(t, err)
				if len(takes) != 1 || done && takes[0].Partial {
					t.Fatalf("takes %+v, done %v", takes, done)
				}
				sameFile(t, takes[0].Audio, voice)
			}},
		{"keep a compressed copy", func(t *testing.T, s *Spool) {
			record(t, s, 1, 1, voice, nil)
			flat(t, s, id(1), 1, string(photo))
		},
			func(s *Spool) error { return s.KeepFlat(id(1), 1) },
			func(t *testing.T, s *Spool, done bool) {
				takes, err := s.Takes()
				must(t, err)
				if len(takes) != 1 || takes[0].Partial || done && takes[0].Flat == "" {
					t.Fatalf("takes %+v, done %v", takes, done)
				}
				sameFile(t, takes[0].Audio, voice)
				if takes[0].Flat != "" {
					sameFile(t, takes[0].Flat, photo)
				}
			}},
		{"erase a take with its copy", func(t *testing.T, s *Spool) {
			record(t, s, 1, 1, voice, nil)
			flat(t, s, id(1), 1, string(photo))
			must(t, s.KeepFlat(id(1), 1))
		},
			func(s *Spool) error { return s.EraseTake(id(1), 1) },
			func(t *testing.T, s *Spool, done bool) {
				takes, err := s.Takes()
				must(t, err)
				for _, x := range takes {
					if done || x.Audio == x.Flat { // a copy alone would be a take
						t.Fatalf("done %v, take %+v", done, x)
					}
				}
			}},
		{"note", func(*testing.T, *Spool) {},
			func(s *Spool) error {
				_, err := s.Note(protocol.TypeHeard, protocol.Progress{Hop: id(1), Epoch: 1, At: noon})
				return err
			},
			func(t *testing.T, s *Spool, done bool) {
				list, err := s.Pending()
				must(t, err)
				if len(list) > 1 || done && len(list) != 1 {
					t.Errorf("%d messages, done %v", len(list), done)
				}
			}},
	}
}

func missing(s *Spool, f protocol.File) bool {
	list, err := s.Missing(id(1))
	return err != nil || slices.ContainsFunc(list, func(g protocol.File) bool { return g.SHA256 == f.SHA256 })
}

// TestRig_SeesSabotage shows that the rig above is able to fail: a file renamed
// before its sync, and a name whose directory was never synced, are both lost.
func TestRig_SeesSabotage(t *testing.T) {
	for name, act := range map[string]func(d *disk) error{
		"rename before sync": func(d *disk) error {
			return errors.Join(plain(d, "journal/.tmp-x"), d.rename("journal/.tmp-x", "journal/a.json"), d.syncDir("journal"))
		},
		"no sync of the directory": func(d *disk) error {
			err := plain(d, "journal/.tmp-x")
			f, openErr := d.root.Open("journal/.tmp-x")
			return errors.Join(err, openErr, d.syncFile(f, "journal/.tmp-x"), f.Close(), d.rename("journal/.tmp-x", "journal/a.json"))
		},
	} {
		r := &rig{dir: t.TempDir(), at: -1, dirty: map[string]bool{}}
		s := open(t, Options{Dir: r.dir, Fault: r.fault})
		r.armed = true
		must(t, act(s.disk))
		r.powerOff(t)
		var v string
		if err := s.disk.readJSON("journal/a.json", &v); err == nil {
			t.Errorf("%s: the rig lost nothing", name)
		}
	}
}

func plain(d *disk, name string) error {
	if err := d.step(OpCreate, name); err != nil {
		return err
	}
	f, err := d.root.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(d.write(f, name, []byte(`"value"`)), f.Close())
}

func TestSeal_AfterAFailedSyncWritesTheBytesAnew(t *testing.T) {
	fail := true
	var linked int
	s := open(t, Options{Fault: func(op Op, name string) error {
		if op == OpLink {
			linked++
		}
		if fail && op == OpSync && strings.HasSuffix(name, "audio.wav") {
			fail = false
			return syscall.EIO
		}
		return nil
	}})
	record(t, s, 1, 1, sound(1, 100), nil)
	if _, err := s.Seal(draft(s, 1, 1, false)); !errors.Is(err, syscall.EIO) {
		t.Fatalf("error %v, want EIO", err)
	}
	if _, err := s.Seal(draft(s, 1, 1, false)); err != nil {
		t.Fatal(err)
	}
	if linked != 1 {
		t.Errorf("%d links: the second attempt must not sync the same bytes again", linked)
	}
	if n := len(items(t, s)); n != 1 {
		t.Errorf("%d items", n)
	}
}

func TestFullDisk_IsItsOwnError(t *testing.T) {
	full := false
	s := open(t, Options{Fault: func(op Op, _ string) error {
		if full && op == OpWrite {
			return syscall.ENOSPC
		}
		return nil
	}})
	record(t, s, 1, 1, sound(1, 100), nil)
	full = true
	if _, err := s.Seal(draft(s, 1, 1, false)); !errors.Is(err, ErrFull) {
		t.Errorf("seal: %v", err)
	}
	if err := s.Save("flow", 1); !errors.Is(err, ErrFull) {
		t.Errorf("save: %v", err)
	}
	full = false
	noOrphans(t, s.o.Dir)
	if _, err := s.Seal(draft(s, 1, 1, false)); err != nil {
		t.Errorf("seal with room again: %v", err)
	}
}
