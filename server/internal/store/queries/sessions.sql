-- name: Session :one
SELECT * FROM sessions WHERE token_hash = ?;

-- name: InsertSession :exec
INSERT INTO sessions (token_hash, user_id, content, written_at, expires_at, revoked_at)
VALUES (?, ?, ?, ?, ?, 0);

-- name: UpdateSession :execrows
UPDATE sessions SET user_id = ?, content = ?, written_at = ?, expires_at = ?
WHERE token_hash = ? AND revoked_at = 0;

-- name: RevokeSession :exec
UPDATE sessions SET revoked_at = sqlc.arg(at), content = ''
WHERE token_hash = ? AND revoked_at = 0;

-- name: RevokeUserSessions :execrows
UPDATE sessions SET revoked_at = sqlc.arg(at), content = ''
WHERE user_id = ? AND revoked_at = 0;

-- name: PurgeSessions :execrows
DELETE FROM sessions WHERE expires_at <= ?;
