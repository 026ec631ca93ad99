-- name: InsertHook :exec
INSERT INTO hooks (id, project_id, url, secret, kinds, created_by, created_at, disabled_at)
VALUES (?, ?, ?, '', ?, ?, ?, 0);

-- name: Hook :one
SELECT * FROM hooks WHERE id = ?;

-- name: HooksOfProject :many
SELECT * FROM hooks WHERE project_id = ? ORDER BY id LIMIT ?;

-- name: DisableHook :exec
UPDATE hooks SET disabled_at = ? WHERE id = ?;

-- name: DeleteHook :exec
DELETE FROM hooks WHERE id = ?;

-- name: DeleteDeliveriesOfHook :exec
DELETE FROM deliveries WHERE hook_id = ?;

-- name: InsertDelivery :exec
INSERT INTO deliveries (id, hook_id, project_id, event_id, replay_of, body, state, attempts, status, last_error, created_at, done_at, due_at, leased_by)
VALUES (?, ?, ?, ?, ?, ?, 'queued', 0, 0, '', ?, 0, ?, '');

-- name: Delivery :one
SELECT * FROM deliveries WHERE id = ?;

-- name: DeliveriesOfHook :many
SELECT * FROM deliveries WHERE hook_id = ? AND id < sqlc.arg(before_id) ORDER BY id DESC LIMIT ?;

-- name: DueDelivery :one
SELECT * FROM deliveries WHERE due_at > 0 AND due_at <= sqlc.arg(at) ORDER BY due_at, id LIMIT 1;

-- name: NextDelivery :one
SELECT due_at FROM deliveries WHERE due_at > 0 ORDER BY due_at, id LIMIT 1;

-- name: LeaseDelivery :execrows
UPDATE deliveries SET due_at = sqlc.arg(lease_end), leased_by = sqlc.arg(worker)
WHERE id = ? AND due_at = sqlc.arg(seen_due);

-- name: SaveDelivery :execrows
UPDATE deliveries SET state = ?, attempts = ?, status = ?, last_error = ?, done_at = ?, due_at = ?, leased_by = ''
WHERE id = ? AND leased_by = sqlc.arg(worker);

-- name: DueDeliveries :many
SELECT id, hook_id FROM deliveries WHERE due_at > 0 AND due_at <= sqlc.arg(at) ORDER BY due_at, id LIMIT ?;

-- name: PutOffDelivery :exec
UPDATE deliveries SET due_at = sqlc.arg(till) WHERE id = ? AND due_at > 0 AND due_at <= sqlc.arg(at) AND leased_by = '';

-- name: PurgeDeliveries :execrows
DELETE FROM deliveries WHERE due_at = 0 AND id < sqlc.arg(before_id);
