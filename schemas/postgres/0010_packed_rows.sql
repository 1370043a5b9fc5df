-- +goose Up
-- Rows written from now on are packed; those that stand there stay readable, and a
-- rebuild writes them anew.
COMMENT ON COLUMN manifests.manifest IS 'First byte 1: packed (domain/value/packed.go); otherwise the JSON that the id is made of.';
COMMENT ON COLUMN commits.record IS 'The record value. First byte 2: S2 over dictionary 1 (projections/commits.dict) follows; 3: over dictionary 2, of text in which hashes and UUIDs are bytes (projections/hex.go); otherwise a zstd frame.';

-- Two of up to 4 KB share a page either way: in line they need no chunks, and no look-up of them.
ALTER TABLE blobs SET (toast_tuple_target = 4080);
ALTER TABLE manifests SET (toast_tuple_target = 4080);
-- They are hashes, which do not compress.
ALTER TABLE manifests ALTER COLUMN manifest SET STORAGE EXTERNAL;
