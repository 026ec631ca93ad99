-- +goose Up
-- What befell boxes, in their own words' codes; the box made the id.
CREATE TABLE IF NOT EXISTS box_reports (
  device_id   VARCHAR(36)  NOT NULL,
  id          VARCHAR(36)  NOT NULL,
  code        VARCHAR(20)  NOT NULL,
  is_over     BIGINT       NOT NULL,
  hop_id      VARCHAR(36)  NOT NULL,
  request_id  VARCHAR(36)  NOT NULL,
  detail      VARCHAR(800) NOT NULL,
  happened_at BIGINT       NOT NULL,
  received_at BIGINT       NOT NULL,
  PRIMARY KEY (device_id, id),
  CONSTRAINT box_reports_received UNIQUE (device_id, received_at, id)
);
