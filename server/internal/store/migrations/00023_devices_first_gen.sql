-- +goose Up
-- The networks that a box of the first generation may come from; empty: it is none.
ALTER TABLE devices ADD COLUMN first_gen VARCHAR(1000) NOT NULL DEFAULT '';
