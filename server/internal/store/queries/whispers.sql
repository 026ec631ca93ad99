-- name: InsertWhisper :exec
INSERT INTO whispers (id, project_id, title, state, forwarding, hold_us, order_algorithm, order_seed,
  order_input, started_by, start_key, created_at, started_at, completed_at, ended_at,
  version, n_hops, n_answered, n_over, at_position, at_device, at_state, at_since, policy, needs_at, start_digest)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: Whisper :one
SELECT * FROM whispers WHERE id = ?;

-- name: Whispers :many
SELECT * FROM whispers WHERE project_id = ? AND id < sqlc.arg(before_id) ORDER BY id DESC LIMIT ?;

-- name: WhisperByStartKey :one
SELECT id FROM whispers WHERE start_key = ?;

-- name: UpdateWhisper :execrows
UPDATE whispers SET title = ?, state = ?, forwarding = ?, hold_us = ?, started_at = ?, completed_at = ?,
  ended_at = ?, n_hops = ?, n_answered = ?, n_over = ?, at_position = ?, at_device = ?, at_state = ?, at_since = ?, policy = ?, needs_at = ?,
  version = version + 1
WHERE id = ? AND version = ?;

-- name: InsertHop :exec
INSERT INTO hops (id, whisper_id, position, device_id, state, epoch, seq, reply_id, ready_at, offered_at,
  delivered_at, heard_at, recording_at, saved_at, received_at, hold_until, approved_at, ended_at,
  queued_at, due_at, at_box, course)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: UpdateHop :execrows
UPDATE hops SET position = ?, device_id = ?, state = ?, epoch = ?, seq = ?, reply_id = ?, ready_at = ?,
  offered_at = ?, delivered_at = ?, heard_at = ?, recording_at = ?, saved_at = ?, received_at = ?,
  hold_until = ?, approved_at = ?, ended_at = ?, queued_at = ?, due_at = ?, at_box = ?, course = ?
WHERE id = ? AND whisper_id = ?;
