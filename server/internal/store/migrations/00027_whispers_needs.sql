-- +goose Up
-- Since when the whisper waits for a person's decision; 0: it does not.
ALTER TABLE whispers ADD COLUMN needs_at BIGINT NOT NULL DEFAULT 0;
