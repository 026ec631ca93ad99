-- +goose Up
CREATE TABLE IF NOT EXISTS files (
  id          VARCHAR(36) NOT NULL,
  whisper_id  VARCHAR(36) NOT NULL,
  hop_id      VARCHAR(36) NOT NULL,
  reply_id    VARCHAR(36) NOT NULL,
  position    BIGINT      NOT NULL,
  role        VARCHAR(30) NOT NULL,
  variant     VARCHAR(30) NOT NULL,
  sha256      VARCHAR(64) NOT NULL,
  size        BIGINT      NOT NULL,
  media_type  VARCHAR(80) NOT NULL,
  width       BIGINT      NOT NULL,
  height      BIGINT      NOT NULL,
  duration_us BIGINT      NOT NULL,
  created_at  BIGINT      NOT NULL,
  PRIMARY KEY (id),
  CONSTRAINT files_position UNIQUE (whisper_id, position, id),
  CONSTRAINT files_sha256   UNIQUE (sha256, id),
  CONSTRAINT files_of_whisper FOREIGN KEY (whisper_id) REFERENCES whispers (id)
);
