-- +goose Up
CREATE TABLE traces (
    kind        text NOT NULL,
    id          uuid NOT NULL,
    traceparent text NOT NULL,
    PRIMARY KEY (kind, id)
);
COMMENT ON TABLE traces IS 'Trace contexts from the headers of accepted commits; commits without one have no row. Nothing is decided from it.';
COMMENT ON COLUMN traces.kind IS 'commit, or the kind of an intent that such a commit asked for: run, stop, deliver.';
COMMENT ON COLUMN traces.id IS 'The commit, the run or the delivery.';
COMMENT ON COLUMN traces.traceparent IS 'W3C trace context of the append that wrote the commit.';
