-- +goose Up
-- What a picture shows, in words, for those who do not see it.
ALTER TABLE files ADD COLUMN alt VARCHAR(600) NOT NULL DEFAULT '';
