-- +goose Up
-- Facts about this database itself: its id, the one-time set-up token's hash.
CREATE TABLE IF NOT EXISTS meta (
  name       VARCHAR(40)  NOT NULL,
  content    VARCHAR(255) NOT NULL,
  changed_at BIGINT       NOT NULL,
  PRIMARY KEY (name)
);
