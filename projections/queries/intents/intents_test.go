package intents_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/internal/embedded/embeddedtest"
	"github.com/duolog/duolog/internal/nodetest"
	"github.com/duolog/duolog/projections/queries/intents"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

func TestDueIntentsComeInPages(t *testing.T) {
	t.Parallel()
	n := nodetest.NewCluster(t).Start(t, nodetest.Options{})
	q := intents.New(n.DB.Read)
	want := map[uuid.UUID]bool{}
	var last domain.StreamID
	for len(want) < 5 {
		id := domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow, ID: uuid.Must(uuid.NewV7())}
		if journal.PartitionOf([]byte(id.String()), nodetest.Partitions) != 2 {
			continue
		}
		r, err := n.Dispatch.Do(t.Context(), dispatch.Request{
			Stream: id, CommandID: uuid.New(), Principal: domain.Principal{User: "mia"},
			Workflow: &workflow.Start{Goal: "go", Flow: workflow.Flow{Definition: "developer/v1"}, Engine: "local", Run: true},
		})
		if err != nil {
			t.Fatal(err)
		}
		want[r.Workflow.Run.ID], last = true, id
	}
	var after *intents.Intent
	for i := 0; ; i++ {
		page, err := q.Due(t.Context(), 2, time.Now().Add(time.Minute), after, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, in := range page {
			if !want[in.ID] || in.Kind != workflow.IntentRun || in.Lane != "local" || in.Open || in.Attempt != 0 {
				t.Errorf("intent %+v", in)
			}
			delete(want, in.ID)
		}
		if len(page) < 2 {
			break
		}
		after = &page[1]
	}
	if len(want) != 0 {
		t.Errorf("not listed: %v", want)
	}
	if none, err := q.Due(t.Context(), 2, time.Now().Add(-time.Hour), nil, 10); err != nil || len(none) != 0 {
		t.Errorf("an hour ago %v was due, %v", none, err)
	}
	claimed(t, n, q, last)
}

// claimed shows that an attempt turns the intent into an open one.
func claimed(t *testing.T, n *nodetest.Node, q *intents.Queries, id domain.StreamID) {
	t.Helper()
	page, err := q.Due(t.Context(), 2, time.Now().Add(time.Minute), nil, 10)
	if err != nil {
		t.Fatal(err)
	}
	run := page[len(page)-1].ID
	for _, in := range page {
		if in.Stream == id {
			run = in.ID
		}
	}
	if _, err := n.Dispatch.Do(t.Context(), dispatch.Request{
		Stream: id, CommandID: uuid.New(), Workflow: &workflow.AttemptRun{Run: run, By: "node-1", Attempt: 1},
	}); err != nil {
		t.Fatal(err)
	}
	page, err = q.Due(t.Context(), 2, time.Now().Add(time.Minute), nil, 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range page {
		if in.Stream == id && (!in.Open || in.By != "node-1" || in.Attempt != 1) {
			t.Errorf("after the attempt: %+v", in)
		}
	}
}
