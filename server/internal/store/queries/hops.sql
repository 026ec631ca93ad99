-- name: HopsOfWhisper :many
SELECT * FROM hops WHERE whisper_id = ? ORDER BY position;

-- name: WhisperOfHop :one
SELECT whisper_id FROM hops WHERE id = ?;

-- name: NextReadyHop :one
SELECT id, whisper_id FROM hops
WHERE device_id = ? AND queued_at > 0 AND queued_at <= sqlc.arg(at) ORDER BY queued_at, id LIMIT 1;

-- The cross join makes SQLite begin with the hops that wait, not with all devices.
-- name: IdleDevicesWithTurn :many
SELECT DISTINCT devices.id FROM hops CROSS JOIN devices
WHERE hops.queued_at > 0 AND hops.queued_at <= sqlc.arg(at) AND devices.id = hops.device_id AND devices.active_hop = '' AND devices.revoked_at = 0 LIMIT ?;

-- name: DueHops :many
SELECT id, whisper_id, position, due_at FROM hops
WHERE due_at > 0 AND due_at <= sqlc.arg(at) ORDER BY due_at, id LIMIT ?;

-- name: NextDue :one
SELECT due_at FROM hops WHERE due_at > 0 ORDER BY due_at LIMIT 1;

-- name: OffersSince :many
SELECT sqlc.embed(hops), whispers.project_id, whispers.title, whispers.state, whispers.forwarding, whispers.hold_us
FROM hops JOIN whispers ON whispers.id = hops.whisper_id
WHERE hops.device_id = ? AND hops.seq > ? ORDER BY hops.seq, hops.id LIMIT ?;

-- name: OffersAtBox :many
SELECT sqlc.embed(hops), whispers.project_id, whispers.title, whispers.state, whispers.forwarding, whispers.hold_us
FROM hops JOIN whispers ON whispers.id = hops.whisper_id
WHERE hops.device_id = ? AND hops.at_box = 1 ORDER BY hops.seq, hops.id LIMIT ?;

-- name: HopsAtBox :many
SELECT whisper_id, position FROM hops WHERE device_id = ? AND at_box = 1;

-- name: LastApproved :one
SELECT position, reply_id FROM hops
WHERE whisper_id = ? AND position < ? AND state = 'approved' ORDER BY position DESC LIMIT 1;

-- name: EarlierOffer :one
SELECT offered_at FROM hops WHERE device_id = ? AND offered_at > 0
ORDER BY offered_at DESC, id DESC LIMIT 1 OFFSET ?;

-- Hops that were never offered have no number of an offer.
-- name: PlannedAt :many
SELECT whisper_id FROM hops WHERE device_id = ? AND seq = 0 AND state = 'planned' LIMIT ?;
