-- +goose Up
-- Where the box lives and what it was told, as JSON.
ALTER TABLE devices ADD COLUMN site VARCHAR(4000) NOT NULL DEFAULT '';
