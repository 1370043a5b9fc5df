-- +goose Up
-- Tables that have a row a step name their stream by a short key instead of its text,
-- tenant/kind/id, which stood in each row and in nearly each entry of an index. It is the
-- first 16 bytes of the SHA-256 of the text (projections/shortkey.go), so what stands there
-- is converted. To a build of before this these tables are of the wrong type: what it reads
-- and writes there is refused.
CREATE FUNCTION pg_temp.short_key(stream text) RETURNS uuid LANGUAGE sql
    RETURN encode(substring(sha256(convert_to(stream, 'UTF8')) FOR 16), 'hex')::uuid;
CREATE FUNCTION pg_temp.short_keys(streams text[]) RETURNS uuid[] LANGUAGE sql
    RETURN ARRAY(SELECT pg_temp.short_key(s) FROM unnest(streams) WITH ORDINALITY AS u(s, n) ORDER BY n);

ALTER TABLE commits ADD COLUMN tenant text;
ALTER TABLE commits ALTER COLUMN stream TYPE uuid USING pg_temp.short_key(stream),
    ALTER COLUMN tenant TYPE text USING split_part(stream, '/', 1), ALTER COLUMN tenant SET NOT NULL;
COMMENT ON COLUMN commits.stream IS 'The short key of the stream: the first 16 bytes of the SHA-256 of its text, which is in the record.';
COMMENT ON COLUMN commits.tenant IS 'The tenant of the stream, by which commits are listed.';

ALTER TABLE blobs ALTER COLUMN stream TYPE uuid USING pg_temp.short_key(stream);
COMMENT ON COLUMN blobs.stream IS 'The short key of the stream.';
ALTER TABLE manifests ALTER COLUMN stream TYPE uuid USING pg_temp.short_key(stream);
COMMENT ON COLUMN manifests.stream IS 'The short key of the workflow.';
ALTER TABLE manifest_parts ALTER COLUMN stream TYPE uuid USING pg_temp.short_key(stream);
COMMENT ON COLUMN manifest_parts.stream IS 'The short key of the workflow.';
ALTER TABLE checkpoints ALTER COLUMN stream TYPE uuid USING pg_temp.short_key(stream);
COMMENT ON COLUMN checkpoints.stream IS 'The short key of the workflow.';
ALTER TABLE writes ALTER COLUMN stream TYPE uuid USING pg_temp.short_key(stream);
COMMENT ON COLUMN writes.stream IS 'The short key of the workflow.';

ALTER TABLE lineages ALTER COLUMN stream TYPE uuid USING pg_temp.short_key(stream),
    ALTER COLUMN ancestors TYPE uuid[] USING pg_temp.short_keys(ancestors);
COMMENT ON COLUMN lineages.stream IS 'The short key of the workflow.';
COMMENT ON COLUMN lineages.ancestors IS 'Their short keys: the source first, then those that its own bytes stand in.';

ALTER TABLE workflows ADD COLUMN short_key uuid;
ALTER TABLE workflows ALTER COLUMN short_key TYPE uuid USING pg_temp.short_key(stream), ALTER COLUMN short_key SET NOT NULL;
CREATE UNIQUE INDEX workflows_short_key ON workflows (short_key);
COMMENT ON COLUMN workflows.short_key IS 'What tables that have a row a step call the workflow.';

DROP FUNCTION pg_temp.short_key, pg_temp.short_keys;
