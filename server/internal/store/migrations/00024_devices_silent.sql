-- +goose Up
-- When somebody was told that the box is silent; 0 once it is heard again.
ALTER TABLE devices ADD COLUMN silent_told_at BIGINT NOT NULL DEFAULT 0;
