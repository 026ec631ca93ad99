-- +goose Up
-- The counts are kept with every change of a whisper's state, so that no list
-- has to count old whispers.
CREATE TABLE IF NOT EXISTS projects (
  id            VARCHAR(36)  NOT NULL,
  title         VARCHAR(200) NOT NULL,
  owner_id      VARCHAR(36)  NOT NULL,
  forwarding    VARCHAR(30)  NOT NULL,
  hold_us       BIGINT       NOT NULL,
  created_at    BIGINT       NOT NULL,
  n_draft       BIGINT       NOT NULL,
  n_travelling  BIGINT       NOT NULL,
  n_paused      BIGINT       NOT NULL,
  n_complete    BIGINT       NOT NULL,
  n_ended       BIGINT       NOT NULL,
  PRIMARY KEY (id),
  CONSTRAINT projects_owner UNIQUE (owner_id, id)
);
