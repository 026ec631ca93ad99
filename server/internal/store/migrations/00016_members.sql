-- +goose Up
-- Who works on a project, and as what. The owner has a row too.
CREATE TABLE IF NOT EXISTS members (
  project_id VARCHAR(36) NOT NULL,
  user_id    VARCHAR(36) NOT NULL,
  role       VARCHAR(30) NOT NULL,
  added_by   VARCHAR(36) NOT NULL,
  added_at   BIGINT      NOT NULL,
  expires_at BIGINT      NOT NULL,
  PRIMARY KEY (project_id, user_id),
  CONSTRAINT members_user UNIQUE (user_id, project_id)
);
