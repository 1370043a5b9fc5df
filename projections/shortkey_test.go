package projections_test

import (
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/conversation"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/internal/nodetest"
	"github.com/duolog/duolog/projections"
)

// TestShortKeysStay: tables that stand there have them, and other nodes make the same ones.
func TestShortKeysStay(t *testing.T) {
	t.Parallel()
	for stream, want := range map[string]string{
		"acme/workflow/0198a3ef-5b20-7a10-8c3d-2f1e0d9c8b7a":     "bc61de2c77a514c017233db4e69315af",
		"acme/conversation/0198a3ef-5b20-7a10-8c3d-2f1e0d9c8b7a": "a43983e3902e49b62dcb3e88711efb3f",
	} {
		if got := projections.ShortKeyOf(stream).String(); got != want {
			t.Errorf("the key of %s is %s, not %s", stream, got, want)
		}
	}
}

// TestTwoWorkflowsOfOneShortKey: the second one stops.
func TestTwoWorkflowsOfOneShortKey(t *testing.T) {
	t.Parallel()
	n := nodetest.NewCluster(t).Start(t, nodetest.Options{})
	first, second := workflowStream("acme"), workflowStream("acme")
	do(t, n, dispatch.Request{Stream: first, Workflow: start("goal")})
	if _, err := n.DB.Write.Exec(t.Context(), `UPDATE workflows SET short_key = $1`, projections.ShortKeyOf(second.String())); err != nil {
		t.Fatal(err)
	}
	foreign(t, n, second, journal.Hash{}, event(t, "workflow.created", 1, created("t")))
	allShows(t, n)
	if got := stoppedStreams(t, n); !slices.Equal(got, []string{second.String()}) {
		t.Errorf("stopped: %v, want %s", got, second)
	}
}

// textsAgain makes of the tables those of before streams had short keys.
const textsAgain = `
	CREATE FUNCTION pg_temp.text_of(k uuid) RETURNS text LANGUAGE sql
		RETURN (SELECT stream FROM heads WHERE substring(sha256(stream::bytea) FOR 16) = decode(replace(k::text, '-', ''), 'hex'));
	CREATE FUNCTION pg_temp.texts_of(k uuid[]) RETURNS text[] LANGUAGE sql
		RETURN ARRAY(SELECT pg_temp.text_of(u.k) FROM unnest(k) WITH ORDINALITY AS u(k, n) ORDER BY n);
	ALTER TABLE commits DROP COLUMN tenant, ALTER COLUMN stream TYPE text USING pg_temp.text_of(stream);
	ALTER TABLE blobs ALTER COLUMN stream TYPE text USING pg_temp.text_of(stream);
	ALTER TABLE manifests ALTER COLUMN stream TYPE text USING pg_temp.text_of(stream);
	ALTER TABLE manifest_parts ALTER COLUMN stream TYPE text USING pg_temp.text_of(stream);
	ALTER TABLE checkpoints ALTER COLUMN stream TYPE text USING pg_temp.text_of(stream);
	ALTER TABLE writes ALTER COLUMN stream TYPE text USING pg_temp.text_of(stream);
	ALTER TABLE lineages ALTER COLUMN stream TYPE text USING pg_temp.text_of(stream), ALTER COLUMN ancestors TYPE text[] USING pg_temp.texts_of(ancestors);
	ALTER TABLE workflows DROP COLUMN short_key;
	DELETE FROM goose_db_version WHERE version_id >= 21;`

// TestRowsOfBeforeGetShortKeys: a migration makes of the rows that stand there what a
// rebuild makes, and the streams go on.
func TestRowsOfBeforeGetShortKeys(t *testing.T) {
	t.Parallel()
	c := nodetest.NewCluster(t)
	before := c.Start(t, nodetest.Options{})
	source := workflowStream("acme")
	do(t, before, dispatch.Request{Stream: source, Workflow: start("goal")})
	saved := save(nil, "a message")
	do(t, before, dispatch.Request{Stream: source, Workflow: saved})
	playForks(t, before, source, saved.ThreadTS)
	steps(t, before, "thread", 3)
	place := conversation.Place{Adapter: "console", Channel: "general", Thread: "1"}
	do(t, before, dispatch.Request{
		Stream:       domain.StreamID{Tenant: "acme", Kind: domain.KindConversation, ID: place.ID("acme")},
		Conversation: &conversation.ReceiveMessage{Place: place, MessageID: "1", Author: "mia", Text: "hello"},
	})
	before.Stop()

	conn, err := pgx.Connect(t.Context(), c.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context()) //nolint:errcheck // the test is over
	if _, err := conn.Exec(t.Context(), textsAgain); err != nil {
		t.Fatal(err)
	}
	n := c.Start(t, nodetest.Options{})
	do(t, n, dispatch.Request{Stream: source, Workflow: save(&saved.ThreadTS, "a message", "and another")})
	allShows(t, n)
	n.RebuildIsEqual(t, []int32{0, 1, 2, 3})
}
