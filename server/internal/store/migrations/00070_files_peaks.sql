-- +goose Up
-- A recording's outline, two hexadecimal digits for each part of its time; '-':
-- it has none; empty: nobody has asked for it yet.
ALTER TABLE files ADD COLUMN peaks VARCHAR(255) NOT NULL DEFAULT '';
