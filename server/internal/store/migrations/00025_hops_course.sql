-- +goose Up
-- Reminders, deadlines and changes of the plan, as JSON; what has to be found stands in queued_at and due_at.
ALTER TABLE hops ADD COLUMN course VARCHAR(2000) NOT NULL DEFAULT '';
