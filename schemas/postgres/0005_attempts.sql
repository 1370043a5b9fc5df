-- +goose Up
-- Deliveries are listed across the workflows of a tenant, and each attempt is
-- kept with what came back. Attempts made before this stand in the log; a
-- rebuild (duolog projection rebuild) brings them here.
ALTER TABLE deliveries ADD COLUMN tenant text NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN hook text NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN event text NOT NULL DEFAULT '';
UPDATE deliveries SET tenant = split_part(stream, '/', 1);
CREATE INDEX deliveries_list ON deliveries (tenant, requested_at DESC, id);
CREATE INDEX deliveries_id ON deliveries (tenant, id);
COMMENT ON COLUMN deliveries.hook IS 'The hook that is told, empty for a messaging surface.';
COMMENT ON COLUMN deliveries.event IS 'What the hook is told of, empty for the answer of a run.';

CREATE TABLE attempts (
    stream   text NOT NULL,
    id       uuid NOT NULL,
    attempt  integer NOT NULL,
    tenant   text NOT NULL,
    at       timestamptz NOT NULL,
    by       text NOT NULL,
    outcome  text NOT NULL,
    ended_at timestamptz,
    target   text NOT NULL,
    status   integer NOT NULL,
    answer   text NOT NULL,
    note     text NOT NULL,
    retry_at timestamptz,
    PRIMARY KEY (stream, id, attempt)
);
CREATE INDEX attempts_gone ON attempts (tenant, target) WHERE status = 410;
COMMENT ON TABLE attempts IS 'Each attempt of a delivery and how it ended.';
COMMENT ON COLUMN attempts.outcome IS 'open, delivered or failed.';
COMMENT ON COLUMN attempts.target IS 'What was called, without its secrets.';
COMMENT ON COLUMN attempts.status IS 'The status of HTTP, 0 where there was no answer.';
COMMENT ON COLUMN attempts.note IS 'The receipt, or the error.';
