-- +goose Up
-- Exports that are made ready on the server, to be fetched later.
CREATE TABLE IF NOT EXISTS exports (
  id         VARCHAR(36)   NOT NULL,
  project_id VARCHAR(36)   NOT NULL,
  user_id    VARCHAR(36)   NOT NULL,
  wish       VARCHAR(4000) NOT NULL,
  state      VARCHAR(30)   NOT NULL,
  size       BIGINT        NOT NULL,
  last_error VARCHAR(500)  NOT NULL,
  created_at BIGINT        NOT NULL,
  done_at    BIGINT        NOT NULL,
  expires_at BIGINT        NOT NULL,
  due_at     BIGINT        NOT NULL,
  leased_by  VARCHAR(120)  NOT NULL,
  PRIMARY KEY (id),
  CONSTRAINT exports_project UNIQUE (project_id, id),
  CONSTRAINT exports_due     UNIQUE (due_at, id),
  CONSTRAINT exports_expires UNIQUE (expires_at, id)
);
