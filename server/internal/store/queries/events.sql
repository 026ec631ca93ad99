-- name: InsertEvent :exec
INSERT INTO events (id, project_id, whisper_id, hop_id, device_id, user_id, kind, detail, happened_at, seq)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: EventsByWhisper :many
SELECT device_id, user_id, kind, detail, happened_at FROM events WHERE whisper_id = ? ORDER BY happened_at DESC, id DESC LIMIT ?;
