-- Their secrets are no digests, so the index on secrets finds them all.
-- name: FirstGenDevices :many
SELECT * FROM devices WHERE secret_hash >= 'first generation ' AND secret_hash < 'first generation!' AND revoked_at = 0
ORDER BY secret_hash LIMIT ?;

-- name: InsertFirstGenFile :exec
INSERT INTO first_gen_files (name_hash, device_id, hop_id, epoch, sha256, media_type, created_at, expires_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- name: FirstGenFile :one
SELECT * FROM first_gen_files WHERE name_hash = ?;

-- name: DeleteFirstGenFilesOfHop :exec
DELETE FROM first_gen_files WHERE hop_id = ?;

-- name: PurgeFirstGenFiles :execrows
DELETE FROM first_gen_files WHERE expires_at <= sqlc.arg(at);
