-- +goose Up
CREATE TABLE IF NOT EXISTS throttles (
  name       VARCHAR(255) NOT NULL,
  started_at BIGINT       NOT NULL,
  ends_at    BIGINT       NOT NULL,
  hits       BIGINT       NOT NULL,
  PRIMARY KEY (name),
  CONSTRAINT throttles_ends UNIQUE (ends_at, name)
);
