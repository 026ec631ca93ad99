-- +goose Up
-- What the person chose for the pages and mails, as JSON.
ALTER TABLE users ADD COLUMN prefs VARCHAR(2000) NOT NULL DEFAULT '';
