-- +goose Up
CREATE UNIQUE INDEX whispers_all_waiting ON whispers (state, at_since, id);
