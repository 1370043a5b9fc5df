package projections

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/bench/forge"
	traffic "github.com/duolog/duolog/bench/load"
	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
)

// BenchmarkBatch admits and folds a whole batch of commits from a stream's first:
// all that the projector does but reading the log and writing the rows.
func BenchmarkBatch(b *testing.B) {
	records := forged(b, batchRecords)
	p, err := New(Config{Partitions: 4, Visible: NewVisible(), Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		set, err := newWorkingSet(p.codec)
		if err != nil {
			b.Fatal(err)
		}
		one := &builder{partition: 1, fold: p.fold, set: set, db: emptyDatabase{}}
		made, err := one.make(b.Context(), standing{}, records)
		if err != nil {
			b.Fatal(err)
		}
		if len(made.rows.commits) != len(records) || len(made.rows.ignored) > 0 || len(made.rows.stopped.rows) > 0 {
			b.Fatalf("%d of %d commits are accepted", len(made.rows.commits), len(records))
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(records)), "ns/commit")
}

// forged are the first records of a partition.
func forged(b *testing.B, n int) []journal.Record {
	b.Helper()
	m := forge.NewMaker(1, 4, time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC), traffic.NewTexts())
	out := make([]journal.Record, n)
	for i := range out {
		made, err := m.Next()
		if err != nil {
			b.Fatal(err)
		}
		out[i] = journal.Record{Position: domain.Position{Partition: 1, Offset: int64(i)}, Key: made.Key, Value: made.Value, Headers: made.Headers}
	}
	return out
}

// emptyDatabase has no rows.
type emptyDatabase struct{}

func (emptyDatabase) Query(context.Context, string, ...any) (pgx.Rows, error) { return noRows{}, nil }

func (emptyDatabase) SendBatch(context.Context, *pgx.Batch) pgx.BatchResults { return noResults{} }

type noRows struct{ pgx.Rows }

func (noRows) Next() bool { return false }
func (noRows) Err() error { return nil }
func (noRows) Close()     {}

type noResults struct{ pgx.BatchResults }

func (noResults) Close() error { return nil }
