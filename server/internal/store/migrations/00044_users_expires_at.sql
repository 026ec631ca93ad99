-- +goose Up
-- When the account ends by itself; 0: never.
ALTER TABLE users ADD COLUMN expires_at BIGINT NOT NULL DEFAULT 0;
