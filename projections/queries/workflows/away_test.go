package workflows_test

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/projections/queries/cut"
	"github.com/duolog/duolog/projections/queries/workflows"
)

// TestLocateWithoutADatabase: a client that names its workflow by number is told
// to come again, not that something broke.
func TestLocateWithoutADatabase(t *testing.T) {
	t.Parallel()
	pool, err := pgxpool.New(t.Context(), "postgres://duolog@127.0.0.1:1/duolog") // nobody listens there
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	q := workflows.New(cut.DB{Pool: pool, Partitions: 4})
	if _, err := q.Locate(t.Context(), "acme", workflows.Ref{Number: 7}); domain.CodeOf(err) != domain.CodeNotNow {
		t.Errorf("%v, want %s", err, domain.CodeNotNow)
	}
}
