-- +goose Up
-- What one owner's uploads take is asked for before each new one.
CREATE UNIQUE INDEX uploads_owner ON uploads (owner_id, id);
