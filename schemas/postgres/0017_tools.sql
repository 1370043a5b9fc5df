-- +goose Up
-- Which tool a decision is about. Decisions about tools made before this there are none of.
ALTER TABLE access_decisions ADD COLUMN tool text NOT NULL DEFAULT '';
COMMENT ON TABLE access_decisions IS 'Projection of workflow.access_decided and workflow.tool_decided: each decision about a workflow.';
COMMENT ON COLUMN access_decisions.tool IS 'The tool that it is about; empty for any other action.';
