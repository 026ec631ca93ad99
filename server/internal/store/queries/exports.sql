-- name: InsertExport :exec
INSERT INTO exports (id, project_id, user_id, wish, state, size, last_error, created_at, done_at, expires_at, due_at, leased_by)
VALUES (?, ?, ?, ?, 'queued', 0, '', sqlc.arg(created_at), 0, ?, sqlc.arg(due_at), '');

-- name: Export :one
SELECT * FROM exports WHERE id = ?;

-- name: ExportsOfProject :many
SELECT * FROM exports WHERE project_id = ? ORDER BY id DESC LIMIT ?;

-- name: DueExport :one
SELECT * FROM exports WHERE due_at > 0 AND due_at <= sqlc.arg(at) ORDER BY due_at, id LIMIT 1;

-- name: LeaseExport :execrows
UPDATE exports SET due_at = sqlc.arg(lease_end), leased_by = sqlc.arg(worker), state = 'working'
WHERE id = ? AND due_at = sqlc.arg(seen_due);

-- name: FinishExport :execrows
UPDATE exports SET state = ?, size = ?, last_error = ?, done_at = ?, due_at = 0, leased_by = ''
WHERE id = ? AND leased_by = sqlc.arg(worker);

-- name: ExpiredExports :many
SELECT id FROM exports WHERE expires_at <= sqlc.arg(at) ORDER BY expires_at, id LIMIT ?;

-- name: DeleteExport :exec
DELETE FROM exports WHERE id = ?;

-- name: RenewExport :execrows
UPDATE exports SET due_at = sqlc.arg(lease_end) WHERE id = ? AND leased_by = sqlc.arg(worker) AND state = 'working';
