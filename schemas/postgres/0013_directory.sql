-- +goose Up
CREATE TABLE directory (
    stream  text NOT NULL,
    tenant  text NOT NULL,
    kind    text NOT NULL,
    path    text COLLATE "C" NOT NULL,
    name    text COLLATE "C" NOT NULL,
    number  bigint NOT NULL,
    time    timestamptz NOT NULL,
    id      bigint NOT NULL,
    removed boolean NOT NULL,
    body    bytea NOT NULL,
    PRIMARY KEY (stream, kind, path, name, number)
);
COMMENT ON TABLE directory IS 'Entries of namespaces and users, each a version per commit that changed it: of a key the greatest number counts.';
COMMENT ON COLUMN directory.stream IS 'tenant/namespace/id or tenant/user/id.';
COMMENT ON COLUMN directory.tenant IS 'The first part of stream.';
COMMENT ON COLUMN directory.kind IS 'container (a group or project), member, account (of a flow), flag or user.';
COMMENT ON COLUMN directory.path IS 'The whole path that the entry is at; empty for a user.';
COMMENT ON COLUMN directory.name IS 'The login, or the name of the flag; empty for a container.';
COMMENT ON COLUMN directory.number IS 'The number of the event that left it so.';
COMMENT ON COLUMN directory.time IS 'The time of its commit.';
COMMENT ON COLUMN directory.id IS 'The number that wires with integers use, that of the event which made it; 0 for members and flags.';
COMMENT ON COLUMN directory.removed IS 'Whether the key is free again.';
COMMENT ON COLUMN directory.body IS 'JSON of what the kind says (domain/directory/entry.go).';

CREATE INDEX directory_ids ON directory (id) WHERE id > 0;
CREATE INDEX directory_names ON directory (tenant, kind, name, path, number DESC);
CREATE INDEX directory_roots ON directory (tenant, path) WHERE kind = 'container' AND strpos(path, '/') = 0;
