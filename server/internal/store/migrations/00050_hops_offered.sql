-- +goose Up
CREATE UNIQUE INDEX hops_offered ON hops (device_id, offered_at, id);
