-- +goose Up
-- The deadlines and the design that the whisper was started with, as JSON.
ALTER TABLE whispers ADD COLUMN policy VARCHAR(4000) NOT NULL DEFAULT '';
