-- +goose Up
-- Addresses that are told of a project's events.
CREATE TABLE IF NOT EXISTS hooks (
  id          VARCHAR(36)   NOT NULL,
  project_id  VARCHAR(36)   NOT NULL,
  url         VARCHAR(1000) NOT NULL,
  secret      VARCHAR(200)  NOT NULL,
  kinds       VARCHAR(1000) NOT NULL,
  created_by  VARCHAR(36)   NOT NULL,
  created_at  BIGINT        NOT NULL,
  disabled_at BIGINT        NOT NULL,
  PRIMARY KEY (id),
  CONSTRAINT hooks_project UNIQUE (project_id, id)
);
