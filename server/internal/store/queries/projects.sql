-- name: InsertProject :exec
INSERT INTO projects (id, title, owner_id, forwarding, hold_us, created_at,
  n_draft, n_travelling, n_paused, n_complete, n_ended)
VALUES (?, ?, ?, ?, ?, ?, 0, 0, 0, 0, 0);

-- name: Project :one
SELECT * FROM projects WHERE id = ?;

-- name: ProjectsAll :many
SELECT * FROM projects WHERE id < sqlc.arg(before_id) ORDER BY id DESC LIMIT ?;

-- name: ProjectsOfOwner :many
SELECT * FROM projects WHERE owner_id = ? AND id < sqlc.arg(before_id) ORDER BY id DESC LIMIT ?;

-- name: UpdateProject :execrows
UPDATE projects SET title = ?, owner_id = ?, forwarding = ?, hold_us = ? WHERE id = ?;

-- name: AddProjectCounts :execrows
UPDATE projects SET
  n_draft = n_draft + sqlc.arg(draft),
  n_travelling = n_travelling + sqlc.arg(travelling),
  n_paused = n_paused + sqlc.arg(paused),
  n_complete = n_complete + sqlc.arg(complete),
  n_ended = n_ended + sqlc.arg(ended)
WHERE id = ?;
