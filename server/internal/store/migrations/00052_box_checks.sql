-- +goose Up
-- What was found when boxes were looked through; the parts as JSON.
CREATE TABLE IF NOT EXISTS box_checks (
  device_id   VARCHAR(36)  NOT NULL,
  id          VARCHAR(36)  NOT NULL,
  kind        VARCHAR(20)  NOT NULL,
  verdict     VARCHAR(20)  NOT NULL,
  request_id  VARCHAR(36)  NOT NULL,
  installer   VARCHAR(400) NOT NULL,
  agent       VARCHAR(200) NOT NULL,
  items       TEXT         NOT NULL,
  happened_at BIGINT       NOT NULL,
  received_at BIGINT       NOT NULL,
  PRIMARY KEY (device_id, id),
  CONSTRAINT box_checks_received UNIQUE (device_id, received_at, id)
);
