-- +goose Up
CREATE TABLE IF NOT EXISTS uploads (
  id            VARCHAR(120) NOT NULL,
  owner_id      VARCHAR(36)  NOT NULL,
  role          VARCHAR(30)  NOT NULL,
  media_type    VARCHAR(80)  NOT NULL,
  sha256        VARCHAR(64)  NOT NULL,
  size          BIGINT       NOT NULL,
  width         BIGINT       NOT NULL,
  height        BIGINT       NOT NULL,
  duration_us   BIGINT       NOT NULL,
  shared_type   VARCHAR(80)  NOT NULL,
  shared_sha256 VARCHAR(64)  NOT NULL,
  shared_size   BIGINT       NOT NULL,
  shared_width  BIGINT       NOT NULL,
  shared_height BIGINT       NOT NULL,
  finished_at   BIGINT       NOT NULL,
  expires_at    BIGINT       NOT NULL,
  PRIMARY KEY (id),
  CONSTRAINT uploads_sha256        UNIQUE (sha256, id),
  CONSTRAINT uploads_shared_sha256 UNIQUE (shared_sha256, id),
  CONSTRAINT uploads_expires       UNIQUE (expires_at, id)
);
