-- name: MailedOnce :one
SELECT COUNT(*) FROM mails WHERE once_key = ?;

-- name: MailsOnceBetween :many
SELECT * FROM mails WHERE once_key > sqlc.arg(low) AND once_key < sqlc.arg(high) ORDER BY once_key LIMIT ?;

-- name: MailsAll :many
SELECT id, project_id, whisper_id, kind, recipient, subject, state, attempts, next_at, last_error, created_at, sent_at
FROM mails WHERE id < sqlc.arg(before_id) ORDER BY id DESC LIMIT ?;

-- name: MailsOfProject :many
SELECT id, project_id, whisper_id, kind, recipient, subject, state, attempts, next_at, last_error, created_at, sent_at
FROM mails WHERE project_id = sqlc.arg(project_id) AND id < sqlc.arg(before_id) ORDER BY id DESC LIMIT ?;

-- name: MailAgain :execrows
UPDATE mails SET state = 'queued', next_at = sqlc.arg(at), due_at = sqlc.arg(at), leased_by = ''
WHERE id = ? AND state = 'failed';

-- name: UsersInRole :many
SELECT * FROM users WHERE role = ? AND id > sqlc.arg(after_id) ORDER BY id LIMIT ?;

-- name: TellSilent :execrows
UPDATE devices SET silent_told_at = sqlc.arg(at) WHERE id = ? AND silent_told_at = sqlc.arg(seen_told);

-- name: WhispersAtBox :many
SELECT whisper_id FROM hops WHERE device_id = ? AND at_box = 1 LIMIT ?;

-- name: WhispersQueuedFor :many
SELECT whisper_id FROM hops WHERE device_id = ? AND queued_at > 0 ORDER BY queued_at, id LIMIT ?;

-- name: EventsOfProjectBefore :many
SELECT * FROM events WHERE project_id = sqlc.arg(project_id) AND seq < sqlc.arg(before_seq) AND seq > 0
ORDER BY seq DESC, id DESC LIMIT ?;

-- name: FailedAmongNewest :one
SELECT COUNT(*) FROM (SELECT state FROM mails WHERE project_id = ? ORDER BY id DESC LIMIT ?) AS newest
WHERE newest.state = 'failed';
