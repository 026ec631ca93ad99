-- name: Throttle :one
SELECT * FROM throttles WHERE name = ?;

-- name: InsertThrottle :exec
INSERT INTO throttles (name, started_at, ends_at, hits) VALUES (?, ?, ?, 1);

-- name: RestartThrottle :execrows
UPDATE throttles SET started_at = sqlc.arg(started_at), ends_at = sqlc.arg(ends_at), hits = 1
WHERE name = sqlc.arg(name) AND ends_at <= sqlc.arg(started_at);

-- name: HitThrottle :execrows
UPDATE throttles SET hits = hits + 1
WHERE name = ? AND ends_at > sqlc.arg(at) AND hits < sqlc.arg(most);

-- name: DeleteThrottle :exec
DELETE FROM throttles WHERE name = ?;

-- name: PurgeThrottles :execrows
DELETE FROM throttles WHERE ends_at <= ?;

-- name: UnhitThrottle :exec
UPDATE throttles SET hits = hits - 1 WHERE name = ? AND hits > 0;
