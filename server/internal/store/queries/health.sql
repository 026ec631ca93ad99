-- name: InsertReport :exec
INSERT INTO box_reports (device_id, id, code, is_over, hop_id, request_id, detail, happened_at, received_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: Report :one
SELECT * FROM box_reports WHERE device_id = ? AND id = ?;

-- name: Reports :many
SELECT * FROM box_reports WHERE device_id = ? ORDER BY received_at DESC, id DESC LIMIT ?;

-- name: NthReport :one
SELECT received_at FROM box_reports WHERE device_id = ? ORDER BY received_at DESC, id DESC LIMIT 1 OFFSET ?;

-- name: DeleteReports :execrows
DELETE FROM box_reports WHERE device_id = ? AND received_at < ?;

-- name: InsertCheck :exec
INSERT INTO box_checks (device_id, id, kind, verdict, request_id, installer, agent, items, happened_at, received_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: BoxCheck :one
SELECT * FROM box_checks WHERE device_id = ? AND id = ?;

-- name: BoxChecks :many
SELECT * FROM box_checks WHERE device_id = ? ORDER BY received_at DESC, id DESC LIMIT ?;

-- name: NthCheck :one
SELECT received_at FROM box_checks WHERE device_id = ? ORDER BY received_at DESC, id DESC LIMIT 1 OFFSET ?;

-- name: DeleteChecks :execrows
DELETE FROM box_checks WHERE device_id = ? AND received_at < ?;

-- name: InsertRequest :exec
INSERT INTO box_requests (id, device_id, kind, aloud, asked_by, asked_at, ends_at, answered_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- name: OpenRequests :many
SELECT * FROM box_requests
WHERE device_id = sqlc.arg(device_id) AND answered_at = 0 AND (ends_at = 0 OR ends_at > sqlc.arg(at))
ORDER BY id LIMIT 20;

-- name: AnswerRequest :execrows
UPDATE box_requests SET answered_at = sqlc.arg(at) WHERE id = ? AND device_id = ? AND answered_at = 0;

-- name: DeletePastRequests :execrows
DELETE FROM box_requests
WHERE device_id = sqlc.arg(device_id) AND answered_at = 0 AND ends_at > 0 AND ends_at <= sqlc.arg(at);

-- name: InsertClip :exec
INSERT INTO box_clips (device_id, clip_key, sha256, size, duration_us, set_by, set_at) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: UpdateClip :execrows
UPDATE box_clips SET sha256 = ?, size = ?, duration_us = ?, set_by = ?, set_at = ? WHERE device_id = ? AND clip_key = ?;

-- name: DeleteClip :execrows
DELETE FROM box_clips WHERE device_id = ? AND clip_key = ?;

-- name: Clips :many
SELECT * FROM box_clips WHERE device_id = ? ORDER BY clip_key LIMIT ?;

-- name: ClipUse :one
SELECT COUNT(*) FROM box_clips WHERE sha256 = ?;

-- name: ClipDigests :many
SELECT DISTINCT sha256 FROM box_clips WHERE sha256 > ? ORDER BY sha256 LIMIT ?;

-- name: ClipOfDevice :one
SELECT COUNT(*) FROM box_clips WHERE sha256 = ? AND device_id = ?;
