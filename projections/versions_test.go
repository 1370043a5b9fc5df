package projections_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/internal/nodetest"
)

// TestVersions: what is put again stands beside what it took the place of, the state of
// every 128th event is kept, and a rebuild, whose batches are others, gives the same.
func TestVersions(t *testing.T) {
	t.Parallel()
	c := nodetest.NewCluster(t)
	n := c.Start(t, nodetest.Options{})
	id := workflowStream("acme")
	do(t, n, dispatch.Request{Stream: id, Workflow: start("goal")})
	first := save(nil, "m")
	do(t, n, dispatch.Request{Stream: id, Workflow: first})
	for step := range 2 {
		again := save(nil, "m")
		again.ThreadTS, again.Metadata = first.ThreadTS, json.RawMessage(fmt.Sprintf(`{"step":%d}`, step/2))
		do(t, n, dispatch.Request{Stream: id, Workflow: again})
		do(t, n, dispatch.Request{Stream: id, Workflow: &workflow.RecordWrites{
			ThreadTS: first.ThreadTS, Writes: []workflow.NewWrite{{Task: "t", Idx: -1, Channel: "c", Data: fmt.Sprint(step)}, {Task: "t", Channel: "c", Data: fmt.Sprint(step)}},
		}})
	}
	for i := range 300 {
		r := do(t, n, dispatch.Request{Stream: id, Workflow: &workflow.QueueMail{Kind: workflow.MailMessage, Message: fmt.Sprint(i)}})
		box := r.Workflow.Mail
		do(t, n, dispatch.Request{Stream: id, Workflow: &workflow.MarkMail{Mail: box[len(box)-1].ID, Status: workflow.MailIsDelivered}})
	}
	for what, want := range map[string]int{
		`SELECT count(*) FROM checkpoints`: 2, // one of the puts changed nothing
		`SELECT count(*) FROM writes`:      2, // those of an event are one row
		`SELECT count(*) FROM states`:      4,
	} {
		var got int
		if err := n.DB.Read.QueryRow(t.Context(), what).Scan(&got); err != nil || got != want {
			t.Errorf("%s: %d, want %d (%v)", what, got, want, err)
		}
	}
	allShows(t, n)
	n.RebuildIsEqual(t, []int32{0, 1, 2, 3})
}
