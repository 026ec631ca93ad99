package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"illumi/protocol"
)

// reportsFile is beside the journal's keys; its name is none of them.
const reportsFile = "journal/reports.unsent"

// maxReports bounds what waits for a server that is away. The newest say how
// the box is; only that it was wiped has to arrive whatever came later.
const maxReports = 200

// Report keeps what people shall know of the box until the server has
// acknowledged it, and returns it for sending. An empty id is made; the same id
// again is the same message. Where the disk takes nothing, which may be what is
// to be told, there is a message beside the error: it can be sent once.
func (s *Spool) Report(r protocol.Report) (protocol.Message, error) {
	if r.ID == "" {
		r.ID = newID()
	}
	r.At = r.At.UTC()
	if err := r.Check(); err != nil {
		return protocol.Message{}, fmt.Errorf("spool: report: %w", err)
	}
	s.progressMu.Lock()
	defer s.progressMu.Unlock()
	s.settled = time.Time{}
	list, err := s.reports()
	if err != nil {
		m, merr := reportMessage(r)
		return m, errors.Join(tell("report", err), merr)
	}
	if i := slices.IndexFunc(list, func(o protocol.Report) bool { return o.ID == r.ID }); i >= 0 {
		return reportMessage(list[i])
	}
	list = append(list, r)
	if len(list) > maxReports {
		if i := slices.IndexFunc(list, func(o protocol.Report) bool { return o.Code != protocol.ReportWiped }); i >= 0 {
			list = slices.Delete(list, i, i+1)
		}
	}
	m, err := reportMessage(r)
	if err != nil {
		return m, err
	}
	return m, tell("report", s.disk.writeJSON(reportsFile, list))
}

// reports are those that the server has not acknowledged, oldest first. A
// damaged list starts anew: what still is so is reported again. The caller
// holds progressMu.
func (s *Spool) reports() ([]protocol.Report, error) {
	var list []protocol.Report
	err := s.disk.readJSON(reportsFile, &list)
	s.doubted = s.doubted || errors.Is(err, ErrDamaged)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrDamaged) {
		return nil, nil
	}
	return list, err
}

// ackedReport forgets a report; ok says that it was one. The caller holds progressMu.
func (s *Spool) ackedReport(id string) (ok bool, err error) {
	list, err := s.reports()
	if err != nil {
		return false, err
	}
	i := slices.IndexFunc(list, func(r protocol.Report) bool { return r.ID == id })
	if i < 0 {
		return false, nil
	}
	return true, s.disk.writeJSON(reportsFile, slices.Delete(list, i, i+1))
}

func reportMessage(r protocol.Report) (protocol.Message, error) {
	frame, err := protocol.Encode(protocol.TypeReport, r.ID, r)
	if err != nil {
		return protocol.Message{}, err
	}
	return protocol.ParseMessage(frame)
}
