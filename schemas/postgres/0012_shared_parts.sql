-- +goose Up
-- Rows written from now on are packed further; those that stand there stay readable, and
-- a rebuild (duolog projection rebuild) writes them anew.
CREATE TABLE manifest_parts (
    stream  text NOT NULL,
    address bytea NOT NULL,
    entries bytea NOT NULL,
    PRIMARY KEY (stream, address)
);
ALTER TABLE manifest_parts ALTER COLUMN entries SET STORAGE EXTERNAL;
COMMENT ON TABLE manifest_parts IS 'First entries of manifests that many of them share, by their SHA-256: what a list keeps as it grows.';
COMMENT ON COLUMN manifest_parts.entries IS 'Packed (domain/value/packed.go).';

ALTER TABLE manifests ADD COLUMN part bytea;
COMMENT ON COLUMN manifests.part IS 'The part (manifest_parts.address) that it is packed over, NULL where it is whole.';
COMMENT ON COLUMN manifests.manifest IS 'First byte 1 or 2: packed whole or over a part (domain/value/packed.go); otherwise the JSON that the id is made of.';

COMMENT ON COLUMN checkpoints.header IS 'Value: the checkpoint with each channel value replaced by 0, or without them. First byte 4: S2 over the dictionary of rows (projections/rows.dict), of text in which hashes and UUIDs are bytes (projections/hex.go); otherwise JSON.';
COMMENT ON COLUMN checkpoints.metadata IS 'Value, as header.';
COMMENT ON COLUMN pins.header IS 'Value, as in checkpoints; so is metadata.';

-- A row has all writes of one event: most are small, and a row costs more than they do.
ALTER TABLE writes DROP CONSTRAINT writes_pkey;
ALTER TABLE writes ALTER COLUMN task DROP NOT NULL, ALTER COLUMN idx DROP NOT NULL, ALTER COLUMN task_path DROP NOT NULL,
    ALTER COLUMN channel DROP NOT NULL, ALTER COLUMN value DROP NOT NULL, ADD COLUMN packed bytea;
CREATE INDEX writes_checkpoint ON writes (stream, ns_hash, thread_ts, number);
COMMENT ON TABLE writes IS 'Pending writes of a checkpoint, those of each event a row; they may stand here before it does.';
COMMENT ON COLUMN writes.number IS 'The number of the first of them. Of the writes of a task and index the one with the greatest number counts.';
COMMENT ON COLUMN writes.packed IS 'JSON array of the writes, packed as checkpoints.header is. NULL in rows of before, which have one write, in task, idx, task_path, channel and value.';

-- The same order, read backwards: ids grow, and an index that grows at its end fills its pages.
DROP INDEX checkpoints_newest;
CREATE INDEX checkpoints_newest ON checkpoints (stream, thread_ts, ns_hash DESC, number);
