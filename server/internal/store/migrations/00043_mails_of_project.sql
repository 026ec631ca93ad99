-- +goose Up
CREATE UNIQUE INDEX mails_project ON mails (project_id, id);
