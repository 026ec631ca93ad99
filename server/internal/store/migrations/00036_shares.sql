-- +goose Up
-- Read-only links to one whisper.
CREATE TABLE IF NOT EXISTS shares (
  id           VARCHAR(36)  NOT NULL,
  token_hash   VARCHAR(64)  NOT NULL,
  whisper_id   VARCHAR(36)  NOT NULL,
  label        VARCHAR(200) NOT NULL,
  hide_faces   BIGINT       NOT NULL,
  created_by   VARCHAR(36)  NOT NULL,
  created_at   BIGINT       NOT NULL,
  expires_at   BIGINT       NOT NULL,
  last_used_at BIGINT       NOT NULL,
  revoked_at   BIGINT       NOT NULL,
  PRIMARY KEY (id),
  CONSTRAINT shares_token   UNIQUE (token_hash),
  CONSTRAINT shares_whisper UNIQUE (whisper_id, id)
);
