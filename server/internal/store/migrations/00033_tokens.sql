-- +goose Up
-- Keys of programs.
CREATE TABLE IF NOT EXISTS tokens (
  id           VARCHAR(36)  NOT NULL,
  token_hash   VARCHAR(64)  NOT NULL,
  user_id      VARCHAR(36)  NOT NULL,
  name         VARCHAR(200) NOT NULL,
  scopes       VARCHAR(400) NOT NULL,
  project_id   VARCHAR(36)  NOT NULL,
  created_at   BIGINT       NOT NULL,
  expires_at   BIGINT       NOT NULL,
  last_used_at BIGINT       NOT NULL,
  revoked_at   BIGINT       NOT NULL,
  PRIMARY KEY (id),
  CONSTRAINT tokens_token UNIQUE (token_hash),
  CONSTRAINT tokens_user  UNIQUE (user_id, id)
);
