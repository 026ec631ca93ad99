package spool

import (
	"fmt"
	"testing"

	"illumi/protocol"
)

func TestReport_WaitsForItsAck(t *testing.T) {
	o := Options{Dir: t.TempDir()}
	s := open(t, o)
	r := protocol.Report{ID: id(1), Code: protocol.ReportMic, At: noon, Detail: "all samples are zero"}
	m, err := s.Report(r)
	must(t, err)
	again, err := s.Report(r)
	must(t, err)
	if m.ID != r.ID || string(again.Body) != string(m.Body) || m.Type != protocol.TypeReport {
		t.Errorf("%+v and again %+v", m, again)
	}
	made, err := s.Report(protocol.Report{Code: protocol.ReportDisk, At: noon})
	must(t, err)
	must(t, s.Close())
	s = open(t, o)
	pending := func(want ...string) {
		t.Helper()
		list, err := s.Pending()
		must(t, err)
		if len(list) != len(want) {
			t.Fatalf("%d messages wait, want %d", len(list), len(want))
		}
		for i, m := range list {
			if m.ID != want[i] {
				t.Errorf("message %d is %s, want %s", i, m.ID, want[i])
			}
		}
	}
	pending(r.ID, made.ID)
	must(t, s.Acked(protocol.Ack{ID: "unheard-of"}))
	must(t, s.Acked(protocol.Ack{ID: r.ID}))
	pending(made.ID)
	must(t, s.Acked(protocol.Ack{ID: made.ID, Code: protocol.CodeInvalid})) // it never will be kept
	pending()
	if _, err := s.Report(protocol.Report{Code: "in words", At: noon}); err == nil {
		t.Error("a report without a proper code was kept")
	}
}

func TestReport_TheNewestStayAndWiped(t *testing.T) {
	s := open(t, Options{})
	_, err := s.Report(protocol.Report{ID: id(1), Code: protocol.ReportWiped, At: noon})
	must(t, err)
	for n := range maxReports + 10 {
		_, err := s.Report(protocol.Report{ID: id(10 + n), Code: protocol.ReportHeat, At: noon, Detail: fmt.Sprint(n)})
		must(t, err)
	}
	list, err := s.Pending()
	must(t, err)
	if len(list) != maxReports || list[0].ID != id(1) || list[len(list)-1].ID != id(10+maxReports+9) {
		t.Errorf("%d reports from %s to %s", len(list), list[0].ID, list[len(list)-1].ID)
	}
}

// A power cut while a report is kept leaves the list as it was or with it.
func TestReport_CutAtEachStep(t *testing.T) {
	for step := 0; ; step++ {
		dir := t.TempDir()
		s := open(t, Options{Dir: dir})
		_, err := s.Report(protocol.Report{ID: id(1), Code: protocol.ReportMic, At: noon})
		must(t, err)
		must(t, s.Close())
		n := 0
		cut := open(t, Options{Dir: dir, Fault: func(Op, string) error {
			if n++; n > step {
				return fmt.Errorf("cut")
			}
			return nil
		}})
		n = 0
		_, err = cut.Report(protocol.Report{ID: id(2), Code: protocol.ReportDisk, At: noon})
		must(t, cut.Close())
		back := open(t, Options{Dir: dir})
		list, failed := back.Pending()
		must(t, failed)
		if len(list) < 1 || list[0].ID != id(1) || err == nil && len(list) != 2 {
			t.Fatalf("cut at step %d (%v): %d reports are left", step, err, len(list))
		}
		if err == nil {
			return
		}
	}
}
