-- +goose Up
-- How far the trigger of a message came before it was refused. Rows that stand there
-- have none: no event said it before.
ALTER TABLE messages ADD COLUMN stopped bytea;
COMMENT ON COLUMN messages.stopped IS 'The steps of the trigger as JSON, where one of them was refused.';
