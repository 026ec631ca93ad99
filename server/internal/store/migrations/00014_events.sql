-- +goose Up
CREATE TABLE IF NOT EXISTS events (
  id          VARCHAR(36) NOT NULL,
  project_id  VARCHAR(36) NOT NULL,
  whisper_id  VARCHAR(36) NOT NULL,
  hop_id      VARCHAR(36) NOT NULL,
  device_id   VARCHAR(36) NOT NULL,
  user_id     VARCHAR(36) NOT NULL,
  kind        VARCHAR(60) NOT NULL,
  detail      TEXT        NOT NULL,
  happened_at BIGINT      NOT NULL,
  PRIMARY KEY (id),
  CONSTRAINT events_whisper UNIQUE (whisper_id, happened_at, id)
);
