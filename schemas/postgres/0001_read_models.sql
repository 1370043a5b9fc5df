-- +goose Up
-- Read models of the journal. Every row derives from accepted commits and can
-- be dropped and rebuilt (duolog projection rebuild). Rows of one stream are
-- written only by the owner of its partition, in the transaction that moves
-- that partition's offset. Text that a client chose freely is bytea, because a
-- JSON string may hold U+0000 and a text column may not.

CREATE TABLE log (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    id         uuid NOT NULL,
    partitions integer NOT NULL
);
COMMENT ON TABLE log IS 'The log these read models derive from; writing stops when it is another one.';
COMMENT ON COLUMN log.id IS 'What is read back at 0:0 of the journal.';
COMMENT ON COLUMN log.partitions IS 'For ever: numbers and keys depend on it.';

CREATE TABLE offsets (
    partition integer PRIMARY KEY,
    next      bigint NOT NULL
);
COMMENT ON TABLE offsets IS 'Projector: the fence. Swapped first in each of its transactions.';
COMMENT ON COLUMN offsets.next IS 'The next offset to take from the journal.';

CREATE TABLE nodes (
    id    text PRIMARY KEY,
    until timestamptz NOT NULL
);
COMMENT ON TABLE nodes IS 'Ephemeral, not derived: processes that share the partitions.';

CREATE TABLE leases (
    partition integer PRIMARY KEY,
    owner     text NOT NULL,
    until     timestamptz NOT NULL
);
COMMENT ON TABLE leases IS 'Ephemeral, not derived: who works on a partition. For efficiency; the offset swap is the fence.';

CREATE TABLE commits (
    partition    integer NOT NULL,
    "offset"     bigint NOT NULL,
    stream       text NOT NULL,
    hash         bytea NOT NULL,
    command_id   uuid NOT NULL,
    command_hash bytea NOT NULL,
    time         timestamptz NOT NULL,
    events       integer NOT NULL,
    record       bytea NOT NULL,
    PRIMARY KEY (partition, "offset")
);
ALTER TABLE commits ALTER COLUMN record SET STORAGE EXTERNAL;
CREATE INDEX commits_command ON commits (command_id);
CREATE INDEX commits_stream ON commits (stream, "offset");
COMMENT ON TABLE commits IS 'Accepted commits: the store of every as-of read, the source of the relay.';
COMMENT ON COLUMN commits.hash IS 'SHA-256 of the record value: what the next commit names as its parent.';
COMMENT ON COLUMN commits.command_id IS 'The memory of idempotency, for ever. Unique by the parent chain; the index is not, so that a foreign record cannot hold up its partition.';
COMMENT ON COLUMN commits.command_hash IS 'SHA-256 of what came under a client''s key; empty without one.';
COMMENT ON COLUMN commits.events IS 'How many events it holds.';
COMMENT ON COLUMN commits.record IS 'The record value, zstd.';

CREATE TABLE ignored (
    partition integer NOT NULL,
    "offset"  bigint NOT NULL,
    stream    text,
    key       bytea NOT NULL,
    reason    text NOT NULL,
    detail    text NOT NULL,
    size      integer NOT NULL,
    PRIMARY KEY (partition, "offset")
);
COMMENT ON TABLE ignored IS 'Records that do not count, with the reason; they never stop anything.';
COMMENT ON COLUMN ignored.key IS 'The record key, cut at 255 bytes.';

CREATE TABLE heads (
    stream    text PRIMARY KEY,
    partition integer NOT NULL,
    "offset"  bigint NOT NULL,
    number    bigint NOT NULL,
    hash      bytea NOT NULL,
    time      timestamptz NOT NULL,
    state     bytea NOT NULL
) WITH (fillfactor = 70);
ALTER TABLE heads ALTER COLUMN state SET STORAGE EXTERNAL;
COMMENT ON TABLE heads IS 'The last accepted commit of a stream and the state that commands are decided on.';
COMMENT ON COLUMN heads.number IS 'offset x partitions + partition of the first accepted commit.';
COMMENT ON COLUMN heads.state IS 'The stream''s State as JSON.';

CREATE TABLE stopped (
    stream    text PRIMARY KEY,
    partition integer NOT NULL,
    "offset"  bigint NOT NULL,
    reason    text NOT NULL,
    build     text NOT NULL,
    since     timestamptz NOT NULL
);
CREATE INDEX stopped_partition ON stopped (partition);
COMMENT ON TABLE stopped IS 'Streams with an accepted commit that this build could not fold; a new build tries again.';
COMMENT ON COLUMN stopped.build IS 'The build that failed.';

CREATE TABLE blobs (
    stream  text NOT NULL,
    address bytea NOT NULL,
    codec   smallint NOT NULL,
    data    bytea NOT NULL,
    PRIMARY KEY (stream, address)
);
ALTER TABLE blobs ALTER COLUMN data SET STORAGE EXTERNAL;
COMMENT ON TABLE blobs IS 'Bytes by their SHA-256, within the stream that carried them.';
COMMENT ON COLUMN blobs.codec IS '0: as they are, 1: zstd.';

CREATE TABLE manifests (
    stream   text NOT NULL,
    id       bytea NOT NULL,
    manifest bytea NOT NULL,
    PRIMARY KEY (stream, id)
);
COMMENT ON TABLE manifests IS 'Channel values by their id: the list of blobs each one stands on.';

CREATE TABLE workflows (
    stream     text PRIMARY KEY,
    tenant     text NOT NULL,
    id         uuid NOT NULL,
    number     bigint NOT NULL,
    status     text NOT NULL,
    definition text NOT NULL,
    project    text NOT NULL,
    source     text NOT NULL,
    owner      text NOT NULL,
    run        uuid,
    engine     text NOT NULL,
    active     boolean NOT NULL,
    workload   text NOT NULL,
    home       text NOT NULL,
    created_at timestamptz NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX workflows_number ON workflows (number);
CREATE INDEX workflows_list ON workflows (tenant, number DESC);
CREATE INDEX workflows_id ON workflows (tenant, id);
CREATE INDEX workflows_active ON workflows (home) WHERE active;
COMMENT ON TABLE workflows IS 'What lists filter and sort by; the workflow itself is heads.state.';
COMMENT ON COLUMN workflows.home IS 'The node that claimed the latest run.';
COMMENT ON COLUMN workflows.active IS 'A run was requested and has not ended.';

CREATE TABLE checkpoints (
    stream         text NOT NULL,
    ns_hash        bytea NOT NULL,
    thread_ts      uuid NOT NULL,
    ns             bytea NOT NULL,
    parent_ts      uuid,
    number         bigint NOT NULL,
    header         bytea NOT NULL,
    metadata       bytea NOT NULL,
    channels       bytea NOT NULL,
    ids            bytea NOT NULL,
    current_thread integer NOT NULL,
    epoch          integer NOT NULL,
    PRIMARY KEY (stream, ns_hash, thread_ts)
);
CREATE INDEX checkpoints_number ON checkpoints (stream, number);
CREATE INDEX checkpoints_newest ON checkpoints (stream, thread_ts DESC);
COMMENT ON TABLE checkpoints IS 'The tree of checkpoints; a channel''s value is a row of manifests.';
COMMENT ON COLUMN checkpoints.ns_hash IS 'First 16 bytes of the SHA-256 of ns: a namespace may be longer than an index key.';
COMMENT ON COLUMN checkpoints.channels IS 'JSON array of the channel names.';
COMMENT ON COLUMN checkpoints.ids IS 'The ids of the channels'' values (manifests.id, 32 bytes each), in the order of channels.';
COMMENT ON COLUMN checkpoints.header IS 'Value as JSON: the checkpoint with each channel value replaced by 0.';

CREATE TABLE writes (
    stream    text NOT NULL,
    ns_hash   bytea NOT NULL,
    thread_ts uuid NOT NULL,
    task      bytea NOT NULL,
    idx       integer NOT NULL,
    task_path bytea NOT NULL,
    channel   bytea NOT NULL,
    value     bytea NOT NULL,
    number    bigint NOT NULL,
    PRIMARY KEY (stream, ns_hash, thread_ts, task, idx)
);
COMMENT ON TABLE writes IS 'Pending writes of a checkpoint; they may stand here before it does.';

CREATE TABLE conversations (
    stream     text PRIMARY KEY,
    tenant     text NOT NULL,
    id         uuid NOT NULL,
    adapter    text NOT NULL,
    team       text NOT NULL,
    channel    text NOT NULL,
    thread     text NOT NULL,
    workflow   uuid,
    messages   integer NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX conversations_id ON conversations (tenant, id);
COMMENT ON TABLE conversations IS 'Threads on messaging surfaces.';

CREATE TABLE messages (
    stream      text NOT NULL,
    message_id  text NOT NULL,
    author      text NOT NULL,
    text        bytea NOT NULL,
    flow        text NOT NULL,
    at          timestamptz NOT NULL,
    workflow    uuid,
    mode        text NOT NULL,
    refused     bytea,
    PRIMARY KEY (stream, message_id)
);
COMMENT ON TABLE messages IS 'Each message of a conversation once, and where it went.';
COMMENT ON COLUMN messages.text IS 'Value as JSON.';
COMMENT ON COLUMN messages.refused IS 'The refusal as JSON, where there was one.';

CREATE TABLE deliveries (
    stream       text NOT NULL,
    id           uuid NOT NULL,
    run          uuid NOT NULL,
    adapter      text NOT NULL,
    kind         text NOT NULL,
    status       text NOT NULL,
    attempts     integer NOT NULL,
    body         bytea NOT NULL,
    requested_at timestamptz NOT NULL,
    PRIMARY KEY (stream, id)
);
COMMENT ON TABLE deliveries IS 'Answers on their way back and how they ended.';
COMMENT ON COLUMN deliveries.body IS 'The delivery as JSON.';

CREATE TABLE intents (
    stream    text NOT NULL,
    kind      text NOT NULL,
    id        uuid NOT NULL,
    partition integer NOT NULL,
    due       timestamptz NOT NULL,
    attempt   integer NOT NULL,
    open      boolean NOT NULL,
    by        text NOT NULL,
    lane      text NOT NULL,
    home      text NOT NULL,
    PRIMARY KEY (stream, kind, id)
);
CREATE INDEX intents_due ON intents (partition, due);
CREATE INDEX intents_home ON intents (home, due) WHERE home <> '';
COMMENT ON TABLE intents IS 'Effects that are owed: asked for, without an outcome.';
COMMENT ON COLUMN intents.home IS 'The node that claimed the run, empty before: where an engine that is bound to its node knows the workload.';
COMMENT ON COLUMN intents.open IS 'The latest attempt has no outcome: it is unknown.';

-- +goose StatementBegin
CREATE FUNCTION swap_offset(p integer, expected bigint, target bigint) RETURNS void AS $$
BEGIN
    UPDATE offsets SET next = target WHERE partition = p AND next = expected;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'offset of partition % is not %', p, expected USING ERRCODE = 'DL001';
    END IF;
END
$$ LANGUAGE plpgsql;
-- +goose StatementEnd
COMMENT ON FUNCTION swap_offset IS 'First statement of each projector transaction: it fails for whoever does not own the offset any more, before any row is written.';
