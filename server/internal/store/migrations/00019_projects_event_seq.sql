-- +goose Up
-- Rises with every event of the project, in the order of the commits: a stream resumes by it.
ALTER TABLE projects ADD COLUMN event_seq BIGINT NOT NULL DEFAULT 0;
