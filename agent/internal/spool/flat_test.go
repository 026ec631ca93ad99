package spool

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// kept makes a kept take with these bytes.
func kept(t *testing.T, s *Spool, hop string, take int, data string) {
	t.Helper()
	f, err := s.CreateTake(hop, take)
	must(t, err)
	_, err = f.WriteString(data)
	must(t, err)
	must(t, f.Close())
	_, err = s.KeepTake(hop, take)
	must(t, err)
}

func flat(t *testing.T, s *Spool, hop string, take int, data string) {
	t.Helper()
	f, err := s.CreateFlat(hop, take)
	must(t, err)
	_, err = f.WriteString(data)
	must(t, err)
	must(t, f.Close())
}

func TestFlat_LiesBesideItsTake(t *testing.T) {
	s := open(t, Options{})
	kept(t, s, id(1), 1, "a recording")
	flat(t, s, id(1), 1, "flat")
	takes, err := s.Takes()
	must(t, err)
	if len(takes) != 1 || takes[0].Flat != "" || filepath.Ext(takes[0].Audio) != ".wav" {
		t.Fatalf("before it is whole: %+v", takes)
	}
	must(t, s.KeepFlat(id(1), 1))
	takes, err = s.Takes()
	must(t, err)
	if len(takes) != 1 || filepath.Ext(takes[0].Flat) != ".flac" || filepath.Ext(takes[0].Audio) != ".wav" || takes[0].Partial {
		t.Fatalf("once it is whole: %+v", takes)
	}
	must(t, s.EraseTake(id(1), 1))
	left, err := os.ReadDir(filepath.Dir(takes[0].Flat))
	must(t, err)
	if len(left) != 0 {
		t.Errorf("an erased take left %v", left)
	}
}

// A take that is erased while it is compressed must not come back.
func TestFlat_OfAnErasedTake(t *testing.T) {
	s := open(t, Options{})
	kept(t, s, id(1), 1, "a recording")
	f, err := s.CreateFlat(id(1), 1)
	must(t, err)
	must(t, s.EraseTake(id(1), 1))
	_, err = f.WriteString("flat")
	must(t, err)
	must(t, f.Close())
	if err := s.KeepFlat(id(1), 1); !errors.Is(err, ErrUnknown) {
		t.Errorf("error %v, want ErrUnknown", err)
	}
	takes, err := s.Takes()
	must(t, err)
	if len(takes) != 0 {
		t.Errorf("it came back: %+v", takes)
	}
}

// A reply that was sealed compressed and comes back from the outbox is a take
// like any other.
func TestFlat_BackFromTheOutbox(t *testing.T) {
	s := open(t, Options{})
	kept(t, s, id(1), 1, "a recording")
	flat(t, s, id(1), 1, "flat")
	must(t, s.KeepFlat(id(1), 1))
	takes, err := s.Takes()
	must(t, err)
	it, err := s.Seal(Draft{Hop: id(1), Epoch: 1, Take: 1, Files: []DraftFile{{Role: "audio", Type: "audio/flac", Path: takes[0].Flat}}})
	must(t, err)
	path, err := s.ReplyAudio(it.ID)
	must(t, err)
	if filepath.Ext(path) != ".flac" {
		t.Errorf("its recording is %s", path)
	}
	must(t, s.EraseTakes(id(1)))
	must(t, s.Unseal(it.ID))
	back, err := s.KeepTake(id(1), 1)
	must(t, err)
	data, err := os.ReadFile(back)
	must(t, err)
	if string(data) != "flat" {
		t.Errorf("%s holds %q", back, data)
	}
	if _, err := s.ReplyAudio(it.ID); !errors.Is(err, ErrUnknown) {
		t.Errorf("error %v, want ErrUnknown", err)
	}
}
