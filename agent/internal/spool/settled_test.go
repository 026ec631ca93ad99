package spool

import (
	"os"
	"slices"
	"testing"

	"illumi/protocol"
)

// Once nothing waits the disk is not asked again, until there is something new.
func TestNotes_AfterNothingWaited(t *testing.T) {
	s := open(t, Options{})
	pending := func(want ...string) {
		t.Helper()
		list, err := s.Pending()
		must(t, err)
		got := []string{}
		for _, m := range list {
			got = append(got, m.ID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("pending %q, want %q", got, want)
		}
	}
	pending()
	must(t, s.Acked(protocol.Ack{ID: "of a status"}))
	note, err := s.Note(protocol.TypeHeard, protocol.Progress{Hop: id(1), Epoch: 1, At: noon})
	must(t, err)
	pending(note.ID)
	file := s.abs("progress/" + id(1) + ".json")
	open, err := os.ReadFile(file)
	must(t, err)
	must(t, s.Acked(protocol.Ack{ID: note.ID}))
	pending()
	must(t, os.WriteFile(file, open, 0o600)) // behind its back
	pending()
	s.settled = s.settled.Add(-settledFor)
	pending(note.ID)
	must(t, s.Acked(protocol.Ack{ID: note.ID}))
	pending()
	report, err := s.Report(protocol.Report{Code: protocol.ReportMic, At: noon})
	must(t, err)
	must(t, s.Acked(protocol.Ack{ID: "of a status"}))
	pending(report.ID)
	must(t, s.Acked(protocol.Ack{ID: report.ID}))
	pending()
	pending()
}

// What could not be read well may hold a message.
func TestNotes_ABadReadingSettlesNothing(t *testing.T) {
	s := open(t, Options{})
	note, err := s.Note(protocol.TypeHeard, protocol.Progress{Hop: id(1), Epoch: 1, At: noon})
	must(t, err)
	file := s.abs("progress/" + id(1) + ".json")
	must(t, os.Rename(file, file+".away"))
	must(t, os.Mkdir(file, 0o700))
	if list, err := s.Pending(); err != nil || len(list) != 0 {
		t.Fatalf("pending %+v %v", list, err)
	}
	must(t, os.Remove(file))
	must(t, os.Rename(file+".away", file))
	if list, err := s.Pending(); err != nil || len(list) != 1 || list[0].ID != note.ID {
		t.Errorf("the card reads well again, and pending is %+v %v", list, err)
	}
}
