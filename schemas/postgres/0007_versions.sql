-- +goose Up
-- Checkpoints and writes are kept as versions, so that they can be read as of any
-- position: of a key the greatest number counts, and of a position the greatest that
-- is not behind it. What was overwritten before this stands in the log; a rebuild
-- (duolog projection rebuild) brings it here, and the states with it.
ALTER TABLE checkpoints DROP CONSTRAINT checkpoints_pkey, ADD PRIMARY KEY (stream, ns_hash, thread_ts, number);
DROP INDEX checkpoints_newest;
CREATE INDEX checkpoints_newest ON checkpoints (stream, thread_ts DESC, ns_hash, number DESC);
COMMENT ON TABLE checkpoints IS 'The tree of checkpoints, each put of one a version; a channel''s value is a row of manifests.';
COMMENT ON COLUMN checkpoints.number IS 'Of the versions of a checkpoint the one with the greatest number counts.';

ALTER TABLE writes DROP CONSTRAINT writes_pkey, ADD PRIMARY KEY (stream, ns_hash, thread_ts, task, idx, number);
COMMENT ON TABLE writes IS 'Pending writes of a checkpoint, each a version; they may stand here before it does.';
COMMENT ON COLUMN writes.number IS 'Of the versions of a write the one with the greatest number counts.';

CREATE TABLE states (
    stream   text NOT NULL,
    "offset" bigint NOT NULL,
    time     timestamptz NOT NULL,
    state    bytea NOT NULL,
    PRIMARY KEY (stream, "offset")
);
COMMENT ON TABLE states IS 'The state of a workflow after every 128th event: what a read of the past begins with.';
COMMENT ON COLUMN states."offset" IS 'The commit that brought the event.';
COMMENT ON COLUMN states.time IS 'The time of that commit.';
COMMENT ON COLUMN states.state IS 'As heads.state stood after that commit.';

-- Commits of before are in both indexes: it is not known what they carry.
ALTER TABLE commits ADD COLUMN deliveries boolean;
ALTER TABLE commits ADD COLUMN messages boolean;
CREATE INDEX commits_deliveries ON commits (stream, "offset") WHERE deliveries IS NOT FALSE;
CREATE INDEX commits_messages ON commits (stream, "offset") WHERE messages IS NOT FALSE;
COMMENT ON COLUMN commits.deliveries IS 'Whether it has events of deliveries; null where that is not known.';
COMMENT ON COLUMN commits.messages IS 'Whether it has messages that a workflow received; null where that is not known.';

-- Of deliveries of before it is not known when they changed: as of a moment they are
-- folded from their commits.
ALTER TABLE deliveries ADD COLUMN first bigint NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN last bigint NOT NULL DEFAULT 9223372036854775807;
COMMENT ON COLUMN deliveries.first IS 'The number of the event that asked for it first.';
COMMENT ON COLUMN deliveries.last IS 'The number of the event that changed it last.';
