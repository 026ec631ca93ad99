-- +goose Up
-- What people asked boxes for; answered_at 0 is not yet, ends_at 0 is never.
CREATE TABLE IF NOT EXISTS box_requests (
  id          VARCHAR(36) NOT NULL,
  device_id   VARCHAR(36) NOT NULL,
  kind        VARCHAR(20) NOT NULL,
  aloud       BIGINT      NOT NULL,
  asked_by    VARCHAR(36) NOT NULL,
  asked_at    BIGINT      NOT NULL,
  ends_at     BIGINT      NOT NULL,
  answered_at BIGINT      NOT NULL,
  PRIMARY KEY (id),
  CONSTRAINT box_requests_open UNIQUE (device_id, answered_at, id)
);
