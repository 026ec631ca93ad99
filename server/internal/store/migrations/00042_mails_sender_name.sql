-- +goose Up
ALTER TABLE mails ADD COLUMN sender_name VARCHAR(200) NOT NULL DEFAULT '';
