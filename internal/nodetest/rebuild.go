package nodetest

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/internal/postgres"
	"github.com/duolog/duolog/projections"
)

// Replay builds the read models up to a cut in a schema of their own, the partitions in
// this order.
func (n *Node) Replay(tb testing.TB, cut map[int32]int64, order []int32) *postgres.DB {
	tb.Helper()
	schema := "replay_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	_, err := n.DB.Write.Exec(tb.Context(), "CREATE SCHEMA "+schema)
	must(tb, err)
	db, err := postgres.Open(tb.Context(), postgres.Config{URL: n.Cluster.DatabaseURL, Schema: schema})
	must(tb, err)
	tb.Cleanup(db.Close)
	must(tb, db.Migrate(tb.Context()))
	p, err := projections.New(projections.Config{
		Log: Reading(n.Log), Pool: db.Write, Partitions: Partitions, Build: "test",
		Visible: projections.NewVisible(), Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	must(tb, err)
	for _, partition := range order {
		if err := p.Replay(tb.Context(), partition, cut[partition], func(int32, int64, int64) {}); err != nil {
			tb.Fatalf("replay partition %d: %v", partition, err)
		}
	}
	return db
}

// RebuildIsEqual compares the read models with a replay of the log.
func (n *Node) RebuildIsEqual(tb testing.TB, order []int32) {
	tb.Helper()
	cut, err := projections.OpenCut(tb.Context(), n.DB.Read)
	must(tb, err)
	defer func() { _ = cut.Close(tb.Context()) }()
	differences, err := cut.Compare(tb.Context(), n.Replay(tb, cut.Ends, order).Read)
	must(tb, err)
	for _, d := range differences {
		tb.Errorf("order %v: %s, only %s: %.300s", order, d.Table, d.Side, d.Row)
	}
}
