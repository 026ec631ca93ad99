-- +goose Up
CREATE UNIQUE INDEX whispers_all_needs ON whispers (needs_at, id);
