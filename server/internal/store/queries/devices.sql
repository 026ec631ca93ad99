-- name: InsertDevice :exec
INSERT INTO devices (id, name, name_key, secret_hash, board_model, board_serial, agent,
  capabilities, last_status, enrolled_by, enrolled_at, first_seen_at, last_seen_at,
  connected_at, revoked_at, held_at, active_hop, offer_seq, version, site, first_gen)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: Device :one
SELECT * FROM devices WHERE id = ?;

-- name: DeviceBySecretHash :one
SELECT * FROM devices WHERE secret_hash = ?;

-- name: DeviceByName :one
SELECT * FROM devices WHERE name_key = ?;

-- name: DeviceByBoard :one
SELECT * FROM devices WHERE board_serial = ? AND revoked_at = 0 ORDER BY id DESC LIMIT 1;

-- name: Devices :many
SELECT * FROM devices WHERE name_key > sqlc.arg(after_name) ORDER BY name_key LIMIT ?;

-- name: DeviceLines :many
SELECT id, name, board_model, agent, capabilities, brief, last_status,
  enrolled_at, last_seen_at, connected_at, revoked_at, held_at, active_hop, first_gen
FROM devices WHERE name_key > sqlc.arg(after_name) ORDER BY name_key LIMIT ?;

-- name: DeviceLinesByName :many
SELECT id, name, board_model, agent, capabilities, brief, last_status,
  enrolled_at, last_seen_at, connected_at, revoked_at, held_at, active_hop, first_gen
FROM devices WHERE name_key IN (sqlc.slice('names')) ORDER BY name_key;

-- name: CountDevices :one
SELECT COUNT(*) FROM devices;

-- name: DeviceNames :many
SELECT name_key FROM devices ORDER BY name_key;

-- name: TouchDevice :execrows
UPDATE devices SET
  first_seen_at = CASE WHEN first_seen_at = 0 THEN sqlc.arg(at) ELSE first_seen_at END,
  last_seen_at = CASE WHEN last_seen_at < sqlc.arg(at) THEN sqlc.arg(at) ELSE last_seen_at END,
  connected_at = COALESCE(sqlc.narg(connected_at), connected_at),
  last_status = COALESCE(sqlc.narg(last_status), last_status),
  brief = COALESCE(sqlc.narg(brief), brief),
  agent = COALESCE(sqlc.narg(agent), agent),
  capabilities = COALESCE(sqlc.narg(capabilities), capabilities)
WHERE id = ?;

-- name: RevokeDevice :execrows
UPDATE devices SET revoked_at = sqlc.arg(at), version = version + 1 WHERE id = ? AND revoked_at = 0;

-- name: HoldDevice :execrows
UPDATE devices SET held_at = sqlc.arg(at), version = version + 1 WHERE id = ?;

-- name: ClaimDevice :execrows
UPDATE devices SET active_hop = sqlc.arg(hop_id), offer_seq = offer_seq + 1, version = version + 1
WHERE id = ? AND active_hop = '';

-- name: ReleaseDevice :execrows
UPDATE devices SET active_hop = '', offer_seq = offer_seq + 1, version = version + 1
WHERE id = ? AND active_hop = sqlc.arg(hop_id);

-- name: BumpDevice :execrows
UPDATE devices SET offer_seq = offer_seq + 1, version = version + 1 WHERE id = ?;

-- name: MarkDevice :execrows
UPDATE devices SET version = version + 1 WHERE id = ?;

-- name: OfferSeq :one
SELECT offer_seq FROM devices WHERE id = ?;

-- name: SetDeviceSite :execrows
UPDATE devices SET site = ?, version = version + 1 WHERE id = ?;
