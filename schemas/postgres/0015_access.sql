-- +goose Up
-- Who was allowed to do what, and who was not. Decisions made before this there are
-- none of.
CREATE TABLE access_decisions (
    stream   text NOT NULL,
    number   bigint NOT NULL,
    tenant   text NOT NULL,
    at       timestamptz NOT NULL,
    login    text NOT NULL,
    action   text NOT NULL,
    path     text NOT NULL,
    flow     text NOT NULL,
    decision bytea NOT NULL,
    PRIMARY KEY (stream, number)
);
CREATE INDEX access_decisions_of ON access_decisions (tenant, login, at DESC);
COMMENT ON TABLE access_decisions IS 'Projection of workflow.access_decided: each decision about a workflow.';
COMMENT ON COLUMN access_decisions.number IS 'The number of the event.';
COMMENT ON COLUMN access_decisions.at IS 'The time of its commit.';
COMMENT ON COLUMN access_decisions.login IS 'The human that it is about.';
COMMENT ON COLUMN access_decisions.decision IS 'The event''s data: JSON.';
