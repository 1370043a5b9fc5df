-- +goose Up
-- A rebuild swaps new tables in under the names of the old ones, with offsets that
-- may be the same. What a projector remembers then comes from tables that are gone,
-- so it names the offsets table it read: the swap of another one fails.
-- +goose StatementBegin
CREATE FUNCTION swap_offset(p integer, expected bigint, target bigint, tables oid) RETURNS void AS $$
BEGIN
    UPDATE offsets SET next = target WHERE partition = p AND next = expected AND tableoid = tables;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'offset of partition % is not % in table %', p, expected, tables USING ERRCODE = 'DL001';
    END IF;
END
$$ LANGUAGE plpgsql;
-- +goose StatementEnd
COMMENT ON FUNCTION swap_offset(integer, bigint, bigint, oid) IS 'First statement of each projector transaction: it fails for whoever does not own the offset any more, and for whoever read tables that were swapped out, before any row is written. The one with three arguments is for nodes of builds before this migration.';
