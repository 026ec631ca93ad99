-- name: InsertCode :exec
INSERT INTO codes (id, code_hash, label, created_by, created_at, expires_at, used_at, used_device, revoked_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: CodeByHash :one
SELECT * FROM codes WHERE code_hash = ?;

-- name: Codes :many
SELECT * FROM codes WHERE id < sqlc.arg(before_id) ORDER BY id DESC LIMIT ?;

-- name: UseCode :execrows
UPDATE codes SET used_at = sqlc.arg(at), used_device = ?
WHERE id = ? AND used_at = 0 AND revoked_at = 0 AND expires_at > sqlc.arg(at);

-- name: RevokeCode :execrows
UPDATE codes SET revoked_at = sqlc.arg(at)
WHERE id = ? AND used_at = 0 AND revoked_at = 0 AND expires_at > sqlc.arg(at);
