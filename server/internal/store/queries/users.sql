-- name: InsertUser :exec
INSERT INTO users (id, email, name, password_hash, role, created_at, disabled_at, expires_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- name: UserByID :one
SELECT * FROM users WHERE id = ?;

-- name: UserByEmail :one
SELECT * FROM users WHERE email = ?;

-- name: Users :many
SELECT * FROM users WHERE email > sqlc.arg(after_email) ORDER BY email LIMIT ?;

-- name: UpdateUserPassword :execrows
UPDATE users SET password_hash = ? WHERE id = ?;

-- name: SetUserDisabled :execrows
UPDATE users SET disabled_at = ? WHERE id = ?;

-- name: CountUsers :one
SELECT COUNT(*) FROM users;

-- name: CountUsersInRole :one
SELECT COUNT(*) FROM users WHERE role = ?;
