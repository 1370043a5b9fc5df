package asof_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/duolog/duolog/bench/forge"
	traffic "github.com/duolog/duolog/bench/load"
	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/internal/embedded/embeddedtest"
	"github.com/duolog/duolog/internal/postgres"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/asof"
	"github.com/duolog/duolog/projections/queries/cut"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

const partitions = 4

// forged is a partition that stands in memory.
type forged []journal.Record

func (f forged) OpenReader(_ context.Context, _ int32, from int64) (projections.Reader, error) {
	rest := f[from:]
	return &rest, nil
}

func (f *forged) Next(_ context.Context, most, _ int) ([]journal.Record, error) {
	out := (*f)[:min(most, len(*f))]
	*f = (*f)[len(out):]
	return out, nil
}

func (*forged) Close() error { return nil }

// old is a workflow with many events in a database of its own.
func old(tb testing.TB, events int) (domain.StreamID, []journal.Record, *asof.Queries) {
	tb.Helper()
	db, err := postgres.Open(tb.Context(), postgres.Config{URL: embeddedtest.Postgres(tb)})
	must(tb, err)
	tb.Cleanup(db.Close)
	must(tb, db.Migrate(tb.Context()))
	stream, records, err := forge.Long(partitions, events, time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC), traffic.NewTexts())
	must(tb, err)
	p, err := projections.New(projections.Config{
		Log: forged(records), Pool: db.Write, Partitions: partitions, Build: "test", Visible: projections.NewVisible(), Quiet: true,
		Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	must(tb, err)
	must(tb, p.Replay(tb.Context(), 1, int64(len(records)), func(int32, int64, int64) {}))
	codec, err := projections.NewCodec()
	must(tb, err)
	return stream, records, asof.New(cut.DB{Pool: db.Read, Codec: codec, Partitions: partitions})
}

func moment(tb testing.TB, text string) cut.At {
	tb.Helper()
	at, err := cut.ParseAt("at", text, [16]byte{})
	must(tb, err)
	return at
}

// TestOld: a workflow with many events is one that admission accepts, and each step from
// page to page leads to the next commit.
func TestOld(t *testing.T) {
	t.Parallel()
	stream, records, q := old(t, 300)
	at, events := records[0].Position, 0
	for i, record := range records {
		var commit struct{ Events []json.RawMessage }
		must(t, json.Unmarshal(record.Value, &commit))
		events += len(commit.Events)
		page, err := q.Find(t.Context(), stream, moment(t, at.String()), 20)
		must(t, err)
		if page.Workflow.State.Events != events || page.Position != at || (page.Next == nil) != (i+1 == len(records)) || (page.Previous == nil) != (i == 0) {
			t.Fatalf("after %d commits the page is of %s with %d events", i+1, page.Position, page.Workflow.State.Events)
		}
		if page.Next != nil {
			at = *page.Next
		}
	}
}

// BenchmarkPage reads the whole page of a workflow with 10,000 events, each time as of
// another position (P10).
func BenchmarkPage(b *testing.B) {
	stream, records, q := old(b, 10_000)
	var took []time.Duration
	for b.Loop() {
		at := records[rand.IntN(len(records))].Position
		began := time.Now()
		if _, err := q.Find(b.Context(), stream, moment(b, at.String()), 20); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	for name, share := range map[string]float64{"p50-ms": 0.5, "p99-ms": 0.99} {
		b.ReportMetric(float64(took[int(float64(len(took)-1)*share)].Microseconds())/1000, name)
	}
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
