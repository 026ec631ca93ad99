-- +goose Up
-- The settings as JSON: they are read with the project and never searched.
ALTER TABLE projects ADD COLUMN settings VARCHAR(4000) NOT NULL DEFAULT '';
