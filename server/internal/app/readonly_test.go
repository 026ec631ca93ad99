package app

import (
	"database/sql"
	"net/http"
	"path/filepath"
	"testing"
)

// That a token or a link was used is written down where it can be; where the
// disk is full, reading goes on.
func TestReading_WhereNothingCanBeWritten(t *testing.T) {
	s := newStudy(t)
	secret, _, err := s.relay.Share(t.Context(), operator, s.whisper, "For a friend", 7, false)
	if err != nil {
		t.Fatal(err)
	}
	db := must(sql.Open("sqlite", filepath.Join(s.cfg.Data, "illumi.db")))(t)
	defer db.Close()
	for _, table := range []string{"tokens", "shares"} {
		// As a full disk does: the statement fails, and says so at once.
		must(db.ExecContext(t.Context(), "CREATE TRIGGER full_"+table+" BEFORE UPDATE ON "+table+" BEGIN SELECT RAISE(ABORT, 'full'); END"))(t)
	}
	if a := s.reader.do("GET", "/api/v1/whispers/"+s.whisper, nil); a.status != http.StatusOK {
		t.Errorf("a program that reads was answered %d %s", a.status, a.body)
	}
	if a := s.nobody().with("Cookie", "illumi_share="+secret).do("GET", "/s/whisper", nil); a.status != http.StatusOK {
		t.Errorf("a link was answered %d", a.status)
	}
	if len(s.log.with("was not written down")) != 2 {
		t.Errorf("the log has %d lines about it, want 2", len(s.log.with("was not written down")))
	}
}
