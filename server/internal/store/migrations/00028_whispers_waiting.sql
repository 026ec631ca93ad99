-- +goose Up
CREATE UNIQUE INDEX whispers_waiting ON whispers (project_id, state, at_since, id);
