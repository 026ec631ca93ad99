-- name: InsertTicket :exec
INSERT INTO tickets (id, token_hash, kind, email, name, role, project_id, project_role, created_by, created_at, expires_at,
  used_at, used_by, revoked_at)
VALUES (?, ?, ?, ?, '', ?, ?, ?, ?, ?, ?, 0, '', 0);

-- name: Ticket :one
SELECT * FROM tickets WHERE id = ?;

-- name: TicketByHash :one
SELECT * FROM tickets WHERE token_hash = ?;

-- name: UseTicket :execrows
UPDATE tickets SET used_at = sqlc.arg(at), used_by = sqlc.arg(by_user) WHERE id = ? AND used_at = 0 AND revoked_at = 0;

-- name: RevokeTicket :execrows
UPDATE tickets SET revoked_at = sqlc.arg(at) WHERE id = ? AND used_at = 0 AND revoked_at = 0;

-- name: OpenTickets :many
SELECT * FROM tickets WHERE email = ? AND kind = ? AND used_at = 0 AND revoked_at = 0;

-- name: Invitations :many
SELECT * FROM tickets WHERE project_id = ? AND kind = 'invite' AND id < sqlc.arg(before_id) ORDER BY id DESC LIMIT ?;

-- name: PurgeTickets :execrows
DELETE FROM tickets WHERE expires_at <= ?;
