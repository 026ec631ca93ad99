-- +goose Up
-- What a hook is to be told, once for each event; due_at is 0 when nothing is left to do.
CREATE TABLE IF NOT EXISTS deliveries (
  id         VARCHAR(36)  NOT NULL,
  hook_id    VARCHAR(36)  NOT NULL,
  project_id VARCHAR(36)  NOT NULL,
  event_id   VARCHAR(36)  NOT NULL,
  replay_of  VARCHAR(36)  NOT NULL,
  body       TEXT         NOT NULL,
  state      VARCHAR(30)  NOT NULL,
  attempts   BIGINT       NOT NULL,
  status     BIGINT       NOT NULL,
  last_error VARCHAR(500) NOT NULL,
  created_at BIGINT       NOT NULL,
  done_at    BIGINT       NOT NULL,
  due_at     BIGINT       NOT NULL,
  leased_by  VARCHAR(120) NOT NULL,
  PRIMARY KEY (id),
  CONSTRAINT deliveries_once UNIQUE (hook_id, event_id, replay_of),
  CONSTRAINT deliveries_hook UNIQUE (hook_id, id),
  CONSTRAINT deliveries_due  UNIQUE (due_at, id)
);
