-- +goose Up
-- No foreign key to devices: every hand-over writes the device's row, and MySQL
-- would lock it for each hop that is made. Devices are never deleted.
-- queued_at, due_at and at_box say what the hop waits for while its whisper
-- travels; they are 0 for all else, so that looking for work never meets old hops.
CREATE TABLE IF NOT EXISTS hops (
  id           VARCHAR(36) NOT NULL,
  whisper_id   VARCHAR(36) NOT NULL,
  position     BIGINT      NOT NULL,
  device_id    VARCHAR(36) NOT NULL,
  state        VARCHAR(30) NOT NULL,
  epoch        BIGINT      NOT NULL,
  seq          BIGINT      NOT NULL,
  reply_id     VARCHAR(36) NOT NULL,
  ready_at     BIGINT      NOT NULL,
  offered_at   BIGINT      NOT NULL,
  delivered_at BIGINT      NOT NULL,
  heard_at     BIGINT      NOT NULL,
  recording_at BIGINT      NOT NULL,
  saved_at     BIGINT      NOT NULL,
  received_at  BIGINT      NOT NULL,
  hold_until   BIGINT      NOT NULL,
  approved_at  BIGINT      NOT NULL,
  ended_at     BIGINT      NOT NULL,
  queued_at    BIGINT      NOT NULL,
  due_at       BIGINT      NOT NULL,
  at_box       BIGINT      NOT NULL,
  PRIMARY KEY (id),
  CONSTRAINT hops_position UNIQUE (whisper_id, position),
  CONSTRAINT hops_seq      UNIQUE (device_id, seq, id),
  CONSTRAINT hops_queued   UNIQUE (device_id, queued_at, id),
  CONSTRAINT hops_waiting  UNIQUE (queued_at, device_id, id),
  CONSTRAINT hops_at_box   UNIQUE (device_id, at_box, seq, id),
  CONSTRAINT hops_due      UNIQUE (due_at, id),
  CONSTRAINT hops_of_whisper FOREIGN KEY (whisper_id) REFERENCES whispers (id)
);
