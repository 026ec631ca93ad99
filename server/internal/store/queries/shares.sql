-- name: InsertShare :exec
INSERT INTO shares (id, token_hash, whisper_id, label, hide_faces, created_by, created_at, expires_at, last_used_at, revoked_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 0);

-- name: Shares :many
SELECT * FROM shares WHERE whisper_id = ? ORDER BY id DESC LIMIT ?;

-- name: Share :one
SELECT * FROM shares WHERE id = ?;

-- name: ShareByToken :one
SELECT * FROM shares WHERE token_hash = ?;

-- name: TouchShare :exec
UPDATE shares SET last_used_at = sqlc.arg(at) WHERE id = ? AND last_used_at < sqlc.arg(before);

-- name: RevokeShare :execrows
UPDATE shares SET revoked_at = sqlc.arg(at) WHERE id = ? AND revoked_at = 0;
