package projections_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/internal/nodetest"
	"github.com/duolog/duolog/internal/postgres"
	"github.com/duolog/duolog/projections"
)

// beside builds a second set of read models beside those that serve.
func beside(t *testing.T, c *nodetest.Cluster, n *nodetest.Node) *projections.Replacement {
	t.Helper()
	schema := "beside_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	if _, err := n.DB.Write.Exec(t.Context(), "CREATE SCHEMA "+schema); err != nil {
		t.Fatal(err)
	}
	db, err := postgres.Open(t.Context(), postgres.Config{URL: c.DatabaseURL, Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	if err := errors.Join(db.Migrate(t.Context()), db.BindLog(t.Context(), c.Genesis)); err != nil {
		t.Fatal(err)
	}
	visible := projections.NewVisible()
	p, err := projections.New(projections.Config{
		Log: nodetest.Reading(n.Log), Pool: db.Write, Partitions: nodetest.Partitions, Build: "test",
		Visible: visible, Quiet: true, Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return &projections.Replacement{
		Live: n.DB.Write, Fresh: db.Write, Projector: p, Visible: visible, Partitions: nodetest.Partitions, Ends: n.Log.Reach, Now: time.Now,
	}
}

// swapped swaps it in, again while readers are in the way.
func swapped(t *testing.T, r *projections.Replacement) (held time.Duration) {
	t.Helper()
	for {
		held, err := r.Swap(t.Context())
		if err == nil {
			return held
		}
		if !errors.Is(err, projections.ErrInUse) {
			t.Fatal(err)
		}
		t.Log(err)
	}
}

// TestSwapWhileServing: new tables take the place of the old ones, several times,
// while clients of two nodes write and read. Every command is answered, no read shows
// less than was answered, and the rows are those of the log.
func TestSwapWhileServing(t *testing.T) {
	t.Parallel()
	x := &crashing{t: t, answered: map[uuid.UUID]domain.Position{}}
	c := nodetest.NewCluster(t)
	nodes := []*nodetest.Node{c.Start(t, nodetest.Options{}), c.Start(t, nodetest.Options{})}
	play(t, nodes[0])
	ctx, stop := context.WithCancel(t.Context())
	var busy sync.WaitGroup
	for _, n := range nodes {
		for range 2 {
			busy.Go(func() { x.write(ctx, n) })
		}
		busy.Go(func() { x.read(ctx, n) })
	}
	if _, err := nodes[0].DB.Write.Exec(t.Context(), `GRANT SELECT ON workflows TO PUBLIC; UPDATE workflows SET owner = 'damaged'`, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		x.more(20)
		before := tables(t, nodes[0])
		t.Logf("writes were held for %s", swapped(t, beside(t, c, nodes[0])))
		fencedOut(t, nodes[0], before)
		if err := projections.DropReplaced(t.Context(), nodes[0].DB.Write, "public"); err != nil {
			t.Error(err)
		}
	}
	x.more(20)
	stop()
	busy.Wait()
	for _, n := range nodes {
		allShows(t, n)
	}
	nodes[1].RebuildIsEqual(t, []int32{0, 1, 2, 3})
	var granted bool
	err := nodes[0].DB.Write.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM information_schema.role_table_grants WHERE table_name = 'workflows' AND grantee = 'PUBLIC')`).Scan(&granted)
	if err != nil || !granted {
		t.Errorf("what was granted is gone: %v", err)
	}
}

// fencedOut says that a projector that read other tables before writes no more.
func fencedOut(t *testing.T, n *nodetest.Node, before uint32) {
	t.Helper()
	if is := tables(t, n); is == before {
		t.Errorf("the tables are still %d", is)
	}
	_, err := n.DB.Write.Exec(t.Context(), `SELECT swap_offset(partition, next, next, $1) FROM offsets WHERE partition = 0`, before)
	if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.Code != "DL001" {
		t.Errorf("a swap of the offset for the old tables: %v", err)
	}
}

// TestSwapWaitsForReaders: who reads for long is not waited for while writes are held;
// what operators made of the tables is found.
func TestSwapWaitsForReaders(t *testing.T) {
	t.Parallel()
	c := nodetest.NewCluster(t)
	n := c.Start(t, nodetest.Options{})
	do(t, n, dispatch.Request{Stream: workflowStream("acme"), Workflow: start("goal")})
	r := beside(t, c, n)
	before := tables(t, n)
	// Who has not looked at the tables yet would find the new ones, as they were when
	// it began.
	early, err := n.DB.Read.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := early.Exec(t.Context(), `SELECT 1`); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Swap(t.Context()); !errors.Is(err, projections.ErrInUse) {
		t.Errorf("while somebody is about to read: %v", err)
	}
	if err := early.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	cut, err := projections.OpenCut(t.Context(), n.DB.Read)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // a young reader is met by the swap, an old one before it
		if _, err := r.Swap(t.Context()); !errors.Is(err, projections.ErrInUse) {
			t.Errorf("while somebody reads: %v", err)
		}
	}
	do(t, n, dispatch.Request{Stream: workflowStream("acme"), Workflow: start("another goal")})
	if is := tables(t, n); is != before {
		t.Errorf("the tables are %d, were %d", is, before)
	}
	if err := cut.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	swapped(t, r)
	if found, err := projections.Attached(t.Context(), n.DB.Write); err != nil || len(found) > 0 {
		t.Errorf("attached: %v, %v", found, err)
	}
	if _, err := n.DB.Write.Exec(t.Context(), `CREATE VIEW mine AS SELECT stream FROM workflows`); err != nil {
		t.Fatal(err)
	}
	if found, err := projections.Attached(t.Context(), n.DB.Write); err != nil || len(found) != 1 || !strings.Contains(found[0], "view mine") {
		t.Errorf("attached: %v, %v", found, err)
	}
}

// TestSwapWaitsForVacuum: while the tables are vacuumed, writes go on; then the swap
// comes about at the first try.
func TestSwapWaitsForVacuum(t *testing.T) {
	t.Parallel()
	c := nodetest.NewCluster(t)
	n := c.Start(t, nodetest.Options{})
	r := beside(t, c, n)
	vacuum, err := r.Fresh.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := vacuum.Exec(t.Context(), `LOCK TABLE commits IN SHARE UPDATE EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := r.Swap(t.Context())
		done <- err
	}()
	waiting := `SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND mode = 'ShareUpdateExclusiveLock' AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`
	for is := false; !is; {
		if err := n.DB.Read.QueryRow(t.Context(), waiting).Scan(&is); err != nil {
			t.Fatal(err)
		}
	}
	do(t, n, dispatch.Request{Stream: workflowStream("acme"), Workflow: start("written meanwhile")})
	if err := vacuum.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("the swap after a vacuum: %v", err)
	}
}

func tables(t *testing.T, n *nodetest.Node) (oid uint32) {
	t.Helper()
	if err := n.DB.Write.QueryRow(t.Context(), `SELECT 'offsets'::regclass::oid`).Scan(&oid); err != nil {
		t.Fatal(err)
	}
	return oid
}
