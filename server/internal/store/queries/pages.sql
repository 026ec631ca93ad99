-- name: SetPeaks :exec
UPDATE files SET peaks = ? WHERE sha256 = ?;

-- name: SetUserPrefs :execrows
UPDATE users SET prefs = ? WHERE id = ?;

-- Hops that were never offered have no number of an offer.
-- name: PlannedOf :many
SELECT device_id, COUNT(*) AS turns FROM hops
WHERE device_id IN (sqlc.slice('devices')) AND seq = 0 AND state = 'planned' GROUP BY device_id;

-- name: QueuedOf :many
SELECT device_id, COUNT(*) AS turns FROM hops
WHERE device_id IN (sqlc.slice('devices')) AND queued_at > 0 GROUP BY device_id;

-- name: OfferedOf :many
SELECT device_id, COUNT(*) AS turns FROM hops
WHERE device_id IN (sqlc.slice('devices')) AND offered_at > sqlc.arg(since) GROUP BY device_id;

-- name: DevicesByID :many
SELECT id, name, board_model, agent, capabilities, brief, last_status,
  enrolled_at, last_seen_at, connected_at, revoked_at, held_at, active_hop, first_gen
FROM devices WHERE id IN (sqlc.slice('ids'));

-- name: DevicesInBrief :many
SELECT id, name, last_seen_at, connected_at, revoked_at FROM devices WHERE id IN (sqlc.slice('ids'));

-- name: ProjectTitles :many
SELECT id, title FROM projects WHERE id IN (sqlc.slice('ids'));
