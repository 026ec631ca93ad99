-- name: WaitingAll :many
SELECT * FROM whispers WHERE state = 'travelling' ORDER BY at_since, id LIMIT ?;

-- name: NeedsAll :many
SELECT * FROM whispers WHERE needs_at > 0 ORDER BY needs_at, id LIMIT ?;

-- name: WaitingOfMember :many
SELECT whispers.* FROM members JOIN whispers ON whispers.project_id = members.project_id
WHERE members.user_id = ? AND (members.expires_at = 0 OR members.expires_at > sqlc.arg(at)) AND whispers.state = 'travelling'
ORDER BY whispers.at_since, whispers.id LIMIT ?;

-- name: NeedsOfMember :many
SELECT whispers.* FROM members JOIN whispers ON whispers.project_id = members.project_id
WHERE members.user_id = ? AND (members.expires_at = 0 OR members.expires_at > sqlc.arg(at)) AND whispers.needs_at > 0
ORDER BY whispers.needs_at, whispers.id LIMIT ?;

-- name: WaitingOfProject :many
SELECT * FROM whispers WHERE project_id = ? AND state = 'travelling' ORDER BY at_since, id LIMIT ?;

-- name: NeedsOfProject :many
SELECT * FROM whispers WHERE project_id = ? AND needs_at > 0 ORDER BY needs_at, id LIMIT ?;
