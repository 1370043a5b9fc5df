-- +goose Up
-- Commits written from now on are compressed over a dictionary; those that stand
-- there stay readable, and a rebuild writes them anew.
COMMENT ON COLUMN commits.record IS 'The record value. First byte 2: S2 over dictionary 1 (projections/commits.dict) follows; otherwise a zstd frame.';
