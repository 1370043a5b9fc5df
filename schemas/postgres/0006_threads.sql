-- +goose Up
-- A workflow may be a thread under a name of its own, and checkpoints are found by the
-- run that their metadata names. Both are empty for what was projected before; such
-- rows have neither.
ALTER TABLE workflows ADD COLUMN thread bytea;
COMMENT ON COLUMN workflows.thread IS 'The id of the thread it is, NULL where that is the UUID of the workflow.';

ALTER TABLE workflows ADD COLUMN expires boolean NOT NULL DEFAULT false;
ALTER TABLE workflows ADD COLUMN ttl bigint;
CREATE INDEX workflows_expires ON workflows (tenant) WHERE expires;
CREATE INDEX workflows_ttl ON workflows (ttl) WHERE expires AND ttl > 0;
COMMENT ON COLUMN workflows.expires IS 'Whether it is a thread of which something may be kept long enough.';
COMMENT ON COLUMN workflows.ttl IS 'For how many seconds after its last write it is kept, 0 for ever, NULL where the tenant says that.';

ALTER TABLE checkpoints ADD COLUMN run_id bytea;
CREATE INDEX checkpoints_run ON checkpoints (run_id, stream) WHERE run_id IS NOT NULL;
COMMENT ON COLUMN checkpoints.run_id IS 'run_id of the metadata where that is text, NULL otherwise.';
