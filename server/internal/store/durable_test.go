package store

import (
	"bytes"
	"log/slog"
	"slices"
	"testing"

	"illumi/server/internal/store/storetest"
)

func TestForgetting(t *testing.T) {
	const flush, sync = "innodb_flush_log_at_trx_commit=1", "sync_binlog=1"
	for _, tt := range []struct {
		flush, log, sync int
		want             []string
	}{
		{1, 0, 0, nil}, {1, 1, 1, nil}, {1, 1, 0, []string{sync}}, {2, 0, 0, []string{flush}}, {0, 1, 1000, []string{flush, sync}},
	} {
		if got := forgetting(tt.flush, tt.log, tt.sync); !slices.Equal(got, tt.want) {
			t.Errorf("%+v: %q", tt, got)
		}
	}
}

// The databases of the tests commit in full, so a start has nothing to warn of.
func TestOpen_warnsOfNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		var log bytes.Buffer
		s, err := Open(t.Context(), Options{DSN: dsn, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil || log.Len() > 0 {
			t.Errorf("%v, %s", err, log.String())
		}
	})
}
