-- +goose Up
ALTER TABLE mails ADD COLUMN project_id VARCHAR(36) NOT NULL DEFAULT '';
