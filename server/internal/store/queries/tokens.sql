-- name: InsertToken :exec
INSERT INTO tokens (id, token_hash, user_id, name, scopes, project_id, created_at, expires_at, last_used_at, revoked_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 0);

-- name: TokenByHash :one
SELECT * FROM tokens WHERE token_hash = ?;

-- name: TokensOfUser :many
SELECT * FROM tokens WHERE user_id = ? AND id < sqlc.arg(before_id) ORDER BY id DESC LIMIT ?;

-- name: RevokeToken :execrows
UPDATE tokens SET revoked_at = sqlc.arg(at) WHERE id = ? AND user_id = ? AND revoked_at = 0;

-- name: TouchToken :exec
UPDATE tokens SET last_used_at = ? WHERE id = ?;
