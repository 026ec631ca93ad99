-- +goose Up
-- due_at is when a worker may take the mail: the next attempt, or the end of
-- another worker's lease; 0 once it is sent or given up.
CREATE TABLE IF NOT EXISTS mails (
  id         VARCHAR(36)  NOT NULL,
  once_key   VARCHAR(120) NOT NULL,
  whisper_id VARCHAR(36)  NOT NULL,
  recipient  VARCHAR(190) NOT NULL,
  subject    VARCHAR(400) NOT NULL,
  body_text  TEXT         NOT NULL,
  body_html  TEXT         NOT NULL,
  message_id VARCHAR(255) NOT NULL,
  state      VARCHAR(30)  NOT NULL,
  attempts   BIGINT       NOT NULL,
  next_at    BIGINT       NOT NULL,
  last_error VARCHAR(500) NOT NULL,
  created_at BIGINT       NOT NULL,
  sent_at    BIGINT       NOT NULL,
  due_at     BIGINT       NOT NULL,
  leased_by  VARCHAR(120) NOT NULL,
  PRIMARY KEY (id),
  CONSTRAINT mails_once_key UNIQUE (once_key),
  CONSTRAINT mails_due      UNIQUE (due_at, id),
  CONSTRAINT mails_whisper  UNIQUE (whisper_id, id)
);
