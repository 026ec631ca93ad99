package store

import "context"

// warnOfForgetting says in the log where the database answers a commit before it is on the disk: a box erases its
// copy of an answer some time after the receipt, which a power cut must not make untrue. It is a warning, for
// whoever has a battery behind the disks knows better.
func (s *Store) warnOfForgetting(ctx context.Context) {
	if !s.d.collation {
		return // SQLite's commits are ours to set
	}
	var flush, log, sync int
	err := s.d.write.QueryRowContext(ctx, "SELECT @@innodb_flush_log_at_trx_commit, @@log_bin, @@sync_binlog").Scan(&flush, &log, &sync)
	if err != nil {
		s.log.Warn("whether the database keeps its commits is not known", "error", err)
		return
	}
	for _, setting := range forgetting(flush, log, sync) {
		s.log.Warn("the database may lose what it has committed in a power cut", "set", setting)
	}
}

// forgetting lists what to set, of the three settings' present values.
func forgetting(flush, log, sync int) []string {
	var set []string
	if flush != 1 {
		set = append(set, "innodb_flush_log_at_trx_commit=1")
	}
	if log != 0 && sync != 1 {
		set = append(set, "sync_binlog=1")
	}
	return set
}
