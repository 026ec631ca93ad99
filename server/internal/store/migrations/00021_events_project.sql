-- +goose Up
CREATE UNIQUE INDEX events_project ON events (project_id, seq, id);
