package projections_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/tracing"
	"github.com/duolog/duolog/internal/nodetest"
	"github.com/duolog/duolog/internal/postgres"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/traces"
)

// traced carries out commands, each in a trace of its own.
type traced struct {
	*nodetest.Node
	t      *testing.T
	tracer tracing.Tracer
}

// do returns the id of the trace.
func (n traced) do(id domain.StreamID, c workflow.Command) (traceID string, state workflow.State) {
	n.t.Helper()
	ctx, span := n.tracer.Begin(n.t.Context(), "", "test", trace.SpanKindInternal)
	defer span.End(nil)
	out, err := n.Dispatch.Do(ctx, dispatch.Request{Stream: id, Workflow: c, CommandID: uuid.New()})
	if err != nil {
		n.t.Fatal(err)
	}
	return tracing.Parent(ctx)[3:35], out.Workflow
}

// TestTracesAreKeptForWhoGoesOn: what an effect goes on with is the trace of who
// asked for it, whoever wrote to the workflow since; a replay says the same.
func TestTracesAreKeptForWhoGoesOn(t *testing.T) {
	t.Parallel()
	c := nodetest.NewCluster(t)
	provider := sdktrace.NewTracerProvider()
	t.Cleanup(func() { _ = provider.Shutdown(context.WithoutCancel(t.Context())) })
	n := traced{c.Start(t, nodetest.Options{}), t, tracing.New(provider)}
	id := workflowStream("acme")
	began, state := n.do(id, start("goal"))
	run := state.Run.ID
	n.do(id, &workflow.AttemptRun{Run: run, By: "n", Attempt: 1})
	do(t, n.Node, dispatch.Request{Stream: id, Workflow: &workflow.ConfirmRun{Run: run, Workload: "pid 1"}}) // by nobody's trace
	stopped, _ := n.do(id, &workflow.UpdateStatus{Event: "stop"})
	n.do(id, &workflow.FinishWorkload{Run: run, Epoch: 1, Status: "stopped"})
	asked, state := n.do(id, &workflow.RequestDelivery{Run: run, Adapter: "console", Kind: "result", Message: "done"})
	delivery := state.Deliveries[0].ID
	n.do(id, &workflow.AttemptDelivery{Delivery: delivery, By: "n", Attempt: 1})
	q := traces.New(n.DB.Read)
	for _, want := range []struct {
		kind  workflow.IntentKind
		id    uuid.UUID
		trace string
	}{
		{workflow.IntentRun, run, began},
		{workflow.IntentStop, run, stopped},
		{workflow.IntentDeliver, delivery, asked},
		{workflow.IntentDeliver, run, ""},
	} {
		got, err := q.Intent(t.Context(), want.kind, want.id)
		if err != nil || want.trace == "" && got != "" || want.trace != "" && (len(got) < 35 || got[3:35] != want.trace) {
			t.Errorf("%s of %s: %q, %v; want trace %q", want.kind, want.id, got, err, want.trace)
		}
	}
	n.RebuildIsEqual(t, []int32{0, 1, 2, 3})
}

// TestTracedIsToldOfAcceptedAndIgnored of a record that another one overtook, and
// of one whose header is no trace context.
func TestTracedIsToldOfAcceptedAndIgnored(t *testing.T) {
	t.Parallel()
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	c := nodetest.NewCluster(t)
	n := c.Start(t, nodetest.Options{NoProjector: true})
	id := workflowStream("acme")
	var at []domain.Position
	for _, header := range []string{parent, parent, "not a trace"} {
		packed, err := journal.Pack(journal.Commit{
			Stream: id, ID: uuid.New(), Time: time.Now(), Command: journal.CommandRef{ID: uuid.New(), Type: "workflow.start"},
			Events: []journal.Event{event(t, "workflow.created", 1, created("t"))},
		}, nil, nodetest.Partitions)
		if err != nil {
			t.Fatal(err)
		}
		packed.Commit.Headers = append(packed.Commit.Headers, journal.Header{Key: journal.TraceHeader, Value: []byte(header)})
		positions, err := n.Log.Append(t.Context(), []journal.Message{packed.Commit})
		if err != nil {
			t.Fatal(err)
		}
		at = append(at, positions...)
	}
	var told []projections.Traced
	db, err := postgres.Open(t.Context(), postgres.Config{URL: c.DatabaseURL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	p, err := projections.New(projections.Config{
		Log: nodetest.Reading(n.Log), Pool: db.Write, Partitions: nodetest.Partitions, Build: "test", Visible: projections.NewVisible(),
		Logger: slog.New(slog.DiscardHandler), Now: time.Now, Traced: func(one projections.Traced) {
			if one.Ended.Before(one.Began) {
				t.Error("a batch ended before it began")
			}
			one.Began, one.Ended = time.Time{}, time.Time{}
			told = append(told, one)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Replay(t.Context(), at[0].Partition, at[2].Offset+1, func(int32, int64, int64) {}); err != nil {
		t.Fatal(err)
	}
	want := []projections.Traced{
		{Parent: parent, Position: at[0], Stream: id, Command: "workflow.start"},
		{Parent: parent, Position: at[1], Stream: id, Command: "workflow.start", Reason: journal.ReasonStaleParent},
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Error(diff)
	}
}
