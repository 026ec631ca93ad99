-- name: LockAccounts :exec
UPDATE meta SET changed_at = changed_at + 1 WHERE name = 'server_id';

-- name: CountOtherAdmins :one
SELECT COUNT(*) FROM users
WHERE role = 'administrator' AND disabled_at = 0 AND (expires_at = 0 OR expires_at > sqlc.arg(at)) AND id <> sqlc.arg(but);

-- name: SetUserRole :execrows
UPDATE users SET role = ? WHERE id = ?;

-- name: SetUserEnd :execrows
UPDATE users SET expires_at = ? WHERE id = ?;

-- name: SetUserName :execrows
UPDATE users SET name = ? WHERE id = ?;

-- name: SessionsOfUser :many
SELECT * FROM sessions WHERE user_id = ? AND revoked_at = 0 AND expires_at > sqlc.arg(at) ORDER BY token_hash LIMIT ?;

-- name: SetSessionAgent :exec
UPDATE sessions SET agent = ? WHERE token_hash = ?;

-- name: RevokeOtherSessions :execrows
UPDATE sessions SET revoked_at = sqlc.arg(at), content = ''
WHERE user_id = ? AND token_hash <> sqlc.arg(but) AND revoked_at = 0;
