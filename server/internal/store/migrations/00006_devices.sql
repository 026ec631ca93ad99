-- +goose Up
-- name_key is the name in lower case: what is unique and what is searched.
CREATE TABLE IF NOT EXISTS devices (
  id            VARCHAR(36)  NOT NULL,
  name          VARCHAR(200) NOT NULL,
  name_key      VARCHAR(200) NOT NULL,
  secret_hash   VARCHAR(64)  NOT NULL,
  board_model   VARCHAR(200) NOT NULL,
  board_serial  VARCHAR(200) NOT NULL,
  agent         VARCHAR(200) NOT NULL,
  capabilities  TEXT         NOT NULL,
  last_status   TEXT         NOT NULL,
  enrolled_by   VARCHAR(36)  NOT NULL,
  enrolled_at   BIGINT       NOT NULL,
  first_seen_at BIGINT       NOT NULL,
  last_seen_at  BIGINT       NOT NULL,
  connected_at  BIGINT       NOT NULL,
  revoked_at    BIGINT       NOT NULL,
  held_at       BIGINT       NOT NULL,
  active_hop    VARCHAR(36)  NOT NULL,
  offer_seq     BIGINT       NOT NULL,
  version       BIGINT       NOT NULL,
  PRIMARY KEY (id),
  CONSTRAINT devices_name_key    UNIQUE (name_key),
  CONSTRAINT devices_secret_hash UNIQUE (secret_hash),
  CONSTRAINT devices_board       UNIQUE (board_serial, id)
);
