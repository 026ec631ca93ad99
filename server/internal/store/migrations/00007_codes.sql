-- +goose Up
CREATE TABLE IF NOT EXISTS codes (
  id          VARCHAR(36)  NOT NULL,
  code_hash   VARCHAR(128) NOT NULL,
  label       VARCHAR(200) NOT NULL,
  created_by  VARCHAR(36)  NOT NULL,
  created_at  BIGINT       NOT NULL,
  expires_at  BIGINT       NOT NULL,
  used_at     BIGINT       NOT NULL,
  used_device VARCHAR(36)  NOT NULL,
  revoked_at  BIGINT       NOT NULL,
  PRIMARY KEY (id),
  CONSTRAINT codes_code_hash UNIQUE (code_hash)
);
