-- name: Meta :one
SELECT content FROM meta WHERE name = ?;

-- name: InsertMeta :exec
INSERT INTO meta (name, content, changed_at) VALUES (?, ?, ?);

-- name: UpdateMeta :execrows
UPDATE meta SET content = ?, changed_at = ? WHERE name = ?;

-- name: TakeMeta :execrows
DELETE FROM meta WHERE name = ? AND content = ?;
