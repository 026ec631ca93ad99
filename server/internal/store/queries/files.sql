-- name: InsertFile :exec
INSERT INTO files (id, whisper_id, hop_id, reply_id, position, role, variant, sha256, size, media_type,
  width, height, duration_us, created_at, alt)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: FileByID :one
SELECT * FROM files WHERE id = ?;

-- name: FilesByWhisper :many
SELECT * FROM files WHERE whisper_id = ? ORDER BY position, id;

-- name: FilesAt :many
SELECT * FROM files
WHERE whisper_id = ? AND position = ? AND reply_id = ? AND variant = 'shared' ORDER BY id;

-- name: FilesOfPosition :many
SELECT * FROM files WHERE whisper_id = ? AND position = ? ORDER BY id;

-- name: DeleteReplyFiles :exec
DELETE FROM files WHERE whisper_id = ? AND reply_id = ?;

-- name: FileUse :one
SELECT COUNT(*) FROM files WHERE sha256 = ?;

-- name: UploadUse :one
SELECT COUNT(*) FROM uploads WHERE sha256 = ?;

-- name: UploadSharedUse :one
SELECT COUNT(*) FROM uploads WHERE shared_sha256 = ?;

-- name: FileDigests :many
SELECT DISTINCT sha256 FROM files WHERE sha256 > ? ORDER BY sha256 LIMIT ?;

-- name: UploadDigests :many
SELECT DISTINCT sha256 FROM uploads WHERE sha256 > ? ORDER BY sha256 LIMIT ?;

-- name: UploadSharedDigests :many
SELECT DISTINCT shared_sha256 FROM uploads WHERE shared_sha256 > ? ORDER BY shared_sha256 LIMIT ?;

-- name: InsertUpload :exec
INSERT INTO uploads (id, owner_id, role, media_type, sha256, size, width, height, duration_us, shared_type,
  shared_sha256, shared_size, shared_width, shared_height, finished_at, expires_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: Upload :one
SELECT * FROM uploads WHERE id = ?;

-- name: UploadsOfOwner :one
SELECT COUNT(*) AS uploads, CAST(COALESCE(SUM(size + shared_size), 0) AS SIGNED) AS bytes FROM uploads WHERE owner_id = ?;

-- name: DeleteUpload :execrows
DELETE FROM uploads WHERE id = ?;

-- name: ExpiredUploads :many
SELECT * FROM uploads WHERE expires_at <= ? ORDER BY expires_at, id LIMIT ?;
