-- What a scrape asks: each is the live end of an index, which old rows are not in.
-- name: CountQueuedHops :one
SELECT COUNT(*) FROM hops WHERE queued_at > 0;

-- name: OldestQueuedHop :one
SELECT queued_at FROM hops WHERE queued_at > 0 ORDER BY queued_at LIMIT 1;

-- name: CountTravelling :one
SELECT COUNT(*) FROM whispers WHERE state = 'travelling';

-- name: OldestTravelling :one
SELECT at_since FROM whispers WHERE state = 'travelling' AND at_since > 0 ORDER BY at_since LIMIT 1;

-- name: CountNeeds :one
SELECT COUNT(*) FROM whispers WHERE needs_at > 0;

-- name: CountDueMails :one
SELECT COUNT(*) FROM mails WHERE due_at > 0;

-- name: OldestDueMail :one
SELECT due_at FROM mails WHERE due_at > 0 ORDER BY due_at LIMIT 1;

-- name: CountDueDeliveries :one
SELECT COUNT(*) FROM deliveries WHERE due_at > 0;
