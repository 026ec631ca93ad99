-- name: InsertMember :exec
INSERT INTO members (project_id, user_id, role, added_by, added_at, expires_at) VALUES (?, ?, ?, ?, ?, ?);

-- name: Member :one
SELECT * FROM members WHERE project_id = ? AND user_id = ?;

-- name: Members :many
SELECT sqlc.embed(members), users.email, users.name, users.disabled_at FROM members JOIN users ON users.id = members.user_id
WHERE members.project_id = ? AND members.user_id > sqlc.arg(after_user) ORDER BY members.user_id LIMIT ?;

-- name: UpdateMember :execrows
UPDATE members SET role = ?, expires_at = ? WHERE project_id = ? AND user_id = ?;

-- name: DeleteMember :execrows
DELETE FROM members WHERE project_id = ? AND user_id = ?;
