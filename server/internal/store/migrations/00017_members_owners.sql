-- +goose Up
INSERT INTO members (project_id, user_id, role, added_by, added_at, expires_at)
SELECT id, owner_id, 'owner', owner_id, created_at, 0 FROM projects
WHERE NOT EXISTS (SELECT 1 FROM members WHERE members.project_id = projects.id AND members.user_id = projects.owner_id);
