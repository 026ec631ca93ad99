-- +goose Up
-- accepted_hop is the hop's id where the reply is the accepted one, else NULL:
-- one accepted reply per hop is a unique key, not a hope.
CREATE TABLE IF NOT EXISTS replies (
  id            VARCHAR(36) NOT NULL,
  hop_id        VARCHAR(36) NOT NULL,
  whisper_id    VARCHAR(36) NOT NULL,
  device_id     VARCHAR(36) NOT NULL,
  epoch         BIGINT      NOT NULL,
  take          BIGINT      NOT NULL,
  state         VARCHAR(30) NOT NULL,
  accepted_hop  VARCHAR(36),
  facts         TEXT        NOT NULL,
  sent_files    TEXT        NOT NULL,
  received_at   BIGINT      NOT NULL,
  recall_till   BIGINT      NOT NULL,
  taken_back_at BIGINT      NOT NULL,
  PRIMARY KEY (id),
  CONSTRAINT replies_accepted_hop UNIQUE (accepted_hop),
  CONSTRAINT replies_whisper      UNIQUE (whisper_id, id),
  CONSTRAINT replies_hop          UNIQUE (hop_id, id),
  CONSTRAINT replies_of_hop FOREIGN KEY (hop_id) REFERENCES hops (id)
);
