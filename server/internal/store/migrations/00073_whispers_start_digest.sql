-- +goose Up
-- Of the request that started the whisper, so that its key is good for no other; empty: not kept.
ALTER TABLE whispers ADD COLUMN start_digest VARCHAR(64) NOT NULL DEFAULT '';
