-- name: EventsOfWhisperAfter :many
SELECT * FROM events WHERE whisper_id = sqlc.arg(whisper_id) AND happened_at >= sqlc.arg(at)
  AND (happened_at > sqlc.arg(at) OR id > sqlc.arg(after_id))
ORDER BY happened_at, id LIMIT ?;

-- name: EventsOfProjectAfter :many
SELECT * FROM events WHERE project_id = sqlc.arg(project_id) AND seq > sqlc.arg(after_seq) AND seq > 0
ORDER BY seq, id LIMIT ?;
