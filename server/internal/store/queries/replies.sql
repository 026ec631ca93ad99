-- name: InsertReply :exec
INSERT INTO replies (id, hop_id, whisper_id, device_id, epoch, take, state, accepted_hop, facts, sent_files,
  received_at, recall_till, taken_back_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: Reply :one
SELECT * FROM replies WHERE id = ?;

-- name: RepliesByWhisper :many
SELECT * FROM replies WHERE whisper_id = ? ORDER BY id;

-- name: SetReplyState :execrows
UPDATE replies SET state = ?, accepted_hop = ?, taken_back_at = ? WHERE id = ?;

-- name: CountReplies :one
SELECT COUNT(*) FROM replies WHERE hop_id = ? AND state = ?;
