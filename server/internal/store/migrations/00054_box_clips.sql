-- +goose Up
-- Sentences of a box that somebody else speaks.
CREATE TABLE IF NOT EXISTS box_clips (
  device_id   VARCHAR(36) NOT NULL,
  clip_key    VARCHAR(40) NOT NULL,
  sha256      VARCHAR(64) NOT NULL,
  size        BIGINT      NOT NULL,
  duration_us BIGINT      NOT NULL,
  set_by      VARCHAR(36) NOT NULL,
  set_at      BIGINT      NOT NULL,
  PRIMARY KEY (device_id, clip_key),
  CONSTRAINT box_clips_sha256 UNIQUE (sha256, device_id, clip_key)
);
