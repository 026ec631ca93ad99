-- +goose Up
-- What a list tells of the last status, so that it need not be read whole; empty: not told since this column is here.
ALTER TABLE devices ADD COLUMN brief VARCHAR(500) NOT NULL DEFAULT '';
