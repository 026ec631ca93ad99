-- +goose Up
-- A revoked session stays as a mark until it would have expired, so that a
-- request that is still under way cannot write it back.
CREATE TABLE IF NOT EXISTS sessions (
  token_hash VARCHAR(64) NOT NULL,
  user_id    VARCHAR(36) NOT NULL,
  content    BLOB        NOT NULL,
  written_at BIGINT      NOT NULL,
  expires_at BIGINT      NOT NULL,
  revoked_at BIGINT      NOT NULL,
  PRIMARY KEY (token_hash),
  CONSTRAINT sessions_user    UNIQUE (user_id, token_hash),
  CONSTRAINT sessions_expires UNIQUE (expires_at, token_hash)
);
