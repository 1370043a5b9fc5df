-- +goose Up
-- A fork begins with values whose bytes stand in the streams it comes from.
CREATE TABLE lineages (
    stream    text PRIMARY KEY,
    ancestors text[] NOT NULL
);
COMMENT ON TABLE lineages IS 'Forks: the streams that have the bytes a fork began with.';
COMMENT ON COLUMN lineages.ancestors IS 'The source first, then those that its own bytes stand in.';

CREATE TABLE pins (
    stream   text NOT NULL,
    number   bigint NOT NULL,
    fork     uuid NOT NULL,
    header   bytea NOT NULL,
    metadata bytea NOT NULL,
    ids      bytea NOT NULL,
    writes   bytea NOT NULL,
    PRIMARY KEY (stream, number)
);
COMMENT ON TABLE pins IS 'What forks stand on: values of checkpoints as they were then. Their bytes stay whatever is removed.';
COMMENT ON COLUMN pins.number IS 'The number of the event that pinned it.';
COMMENT ON COLUMN pins.fork IS 'The workflow that stands on it; it may never have come about.';
COMMENT ON COLUMN pins.header IS 'Value as JSON, as in checkpoints; so is metadata.';
COMMENT ON COLUMN pins.ids IS 'The ids of the channels'' values (manifests.id, 32 bytes each).';
COMMENT ON COLUMN pins.writes IS 'JSON array of the values of the pending writes.';
