-- name: InsertMail :exec
INSERT INTO mails (id, once_key, whisper_id, recipient, subject, body_text, body_html, message_id, state,
  attempts, next_at, last_error, created_at, sent_at, due_at, leased_by,
  project_id, kind, reply_to, sender_name)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: Mail :one
SELECT * FROM mails WHERE id = ?;

-- name: DueMail :one
SELECT * FROM mails WHERE due_at > 0 AND due_at <= sqlc.arg(at) ORDER BY due_at, id LIMIT 1;

-- name: NextMail :one
SELECT due_at FROM mails WHERE due_at > 0 ORDER BY due_at LIMIT 1;

-- name: LeaseMail :execrows
UPDATE mails SET due_at = sqlc.arg(lease_end), leased_by = sqlc.arg(worker)
WHERE id = ? AND due_at = sqlc.arg(seen_due);

-- name: MailDone :execrows
UPDATE mails SET state = 'sent', sent_at = sqlc.arg(at), attempts = attempts + 1, next_at = 0, due_at = 0,
  last_error = '', leased_by = ''
WHERE id = ? AND state <> 'sent';

-- name: MailRetry :execrows
UPDATE mails SET attempts = ?, next_at = sqlc.arg(next), due_at = sqlc.arg(next), last_error = ?, leased_by = ''
WHERE id = ? AND state = 'queued';

-- name: MailFailed :execrows
UPDATE mails SET state = 'failed', attempts = ?, last_error = ?, next_at = 0, due_at = 0, leased_by = ''
WHERE id = ? AND state = 'queued';

-- name: MailsByWhisper :many
SELECT * FROM mails WHERE whisper_id = ? ORDER BY id;
