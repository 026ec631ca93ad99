-- +goose Up
CREATE TABLE IF NOT EXISTS users (
  id            VARCHAR(36)  NOT NULL,
  email         VARCHAR(190) NOT NULL,
  name          VARCHAR(200) NOT NULL,
  password_hash VARCHAR(255) NOT NULL,
  role          VARCHAR(30)  NOT NULL,
  created_at    BIGINT       NOT NULL,
  disabled_at   BIGINT       NOT NULL,
  PRIMARY KEY (id),
  CONSTRAINT users_email UNIQUE (email),
  CONSTRAINT users_role  UNIQUE (role, id)
);
