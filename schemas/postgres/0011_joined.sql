-- +goose Up
-- Commands that were decided into the commit of another: a commit names one command
-- itself, the others stand here.
CREATE TABLE joined (
    command_id   uuid NOT NULL,
    number       bigint NOT NULL,
    command_hash bytea NOT NULL,
    PRIMARY KEY (command_id, number)
);
COMMENT ON TABLE joined IS 'Projector: the memory of idempotency, for ever, of the commands that a commit carries out beside commits.command_id.';
COMMENT ON COLUMN joined.command_id IS 'As commits.command_id: of one stream each is there once, and others may have the same.';
COMMENT ON COLUMN joined.number IS 'Of the first event that the command came to, which says where its commit is.';
COMMENT ON COLUMN joined.command_hash IS 'SHA-256 of what came under a client''s key; empty without one.';
