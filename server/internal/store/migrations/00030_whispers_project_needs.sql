-- +goose Up
CREATE UNIQUE INDEX whispers_project_needs ON whispers (project_id, needs_at, id);
