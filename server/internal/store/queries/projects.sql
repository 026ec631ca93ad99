-- name: InsertProject :exec
INSERT INTO projects (id, title, owner_id, forwarding, hold_us, created_at, settings,
  n_draft, n_travelling, n_paused, n_complete, n_ended)
VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0, 0);

-- name: Project :one
SELECT * FROM projects WHERE id = ?;

-- name: ProjectsAll :many
SELECT * FROM projects WHERE id < sqlc.arg(before_id) ORDER BY id DESC LIMIT ?;

-- name: UpdateProject :execrows
UPDATE projects SET title = ?, owner_id = ?, forwarding = ?, hold_us = ?, settings = ? WHERE id = ?;

-- name: AddProjectCounts :execrows
UPDATE projects SET
  n_draft = n_draft + sqlc.arg(draft),
  n_travelling = n_travelling + sqlc.arg(travelling),
  n_paused = n_paused + sqlc.arg(paused),
  n_complete = n_complete + sqlc.arg(complete),
  n_ended = n_ended + sqlc.arg(ended)
WHERE id = ?;

-- name: BumpProjectEvents :execrows
UPDATE projects SET event_seq = event_seq + sqlc.arg(n) WHERE id = ?;

-- name: ProjectEventSeq :one
SELECT event_seq FROM projects WHERE id = ?;

-- name: ProjectsOfMember :many
SELECT projects.* FROM members JOIN projects ON projects.id = members.project_id
WHERE members.user_id = ? AND members.project_id < sqlc.arg(before_id)
  AND (members.expires_at = 0 OR members.expires_at > sqlc.arg(at))
ORDER BY members.project_id DESC LIMIT ?;
