-- +goose Up
-- Links that work once: an invitation, a sign-up to be confirmed, a new password.
CREATE TABLE IF NOT EXISTS tickets (
  id           VARCHAR(36)  NOT NULL,
  token_hash   VARCHAR(64)  NOT NULL,
  kind         VARCHAR(30)  NOT NULL,
  email        VARCHAR(190) NOT NULL,
  name         VARCHAR(200) NOT NULL,
  role         VARCHAR(30)  NOT NULL,
  project_id   VARCHAR(36)  NOT NULL,
  project_role VARCHAR(30)  NOT NULL,
  created_by   VARCHAR(36)  NOT NULL,
  created_at   BIGINT       NOT NULL,
  expires_at   BIGINT       NOT NULL,
  used_at      BIGINT       NOT NULL,
  used_by      VARCHAR(36)  NOT NULL,
  revoked_at   BIGINT       NOT NULL,
  PRIMARY KEY (id),
  CONSTRAINT tickets_token   UNIQUE (token_hash),
  CONSTRAINT tickets_email   UNIQUE (email, kind, id),
  CONSTRAINT tickets_project UNIQUE (project_id, id),
  CONSTRAINT tickets_expires UNIQUE (expires_at, id)
);
