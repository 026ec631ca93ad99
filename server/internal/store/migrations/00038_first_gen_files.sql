-- +goose Up
-- Addresses under which a box of the first generation fetches a file, for a while.
CREATE TABLE IF NOT EXISTS first_gen_files (
  name_hash  VARCHAR(64) NOT NULL,
  device_id  VARCHAR(36) NOT NULL,
  hop_id     VARCHAR(36) NOT NULL,
  epoch      BIGINT      NOT NULL,
  sha256     VARCHAR(64) NOT NULL,
  media_type VARCHAR(80) NOT NULL,
  created_at BIGINT      NOT NULL,
  expires_at BIGINT      NOT NULL,
  PRIMARY KEY (name_hash),
  CONSTRAINT first_gen_files_hop     UNIQUE (hop_id, name_hash),
  CONSTRAINT first_gen_files_expires UNIQUE (expires_at, name_hash)
);
