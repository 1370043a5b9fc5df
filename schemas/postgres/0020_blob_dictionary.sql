-- +goose Up
-- Blobs written from now on are packed further; those that stand there stay readable, and
-- a rebuild (duolog projection rebuild) writes them anew.
COMMENT ON COLUMN blobs.codec IS '0: as they are, 1: zstd, 2: zstd over the dictionary of blobs (projections/blobs.dict).';

-- As manifests: in line they need no chunks, and no look-up of them.
ALTER TABLE manifest_parts SET (toast_tuple_target = 4080);
