package saga_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/conversation"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/feed"
	"github.com/duolog/duolog/handlers/saga"
	"github.com/duolog/duolog/projections"
)

// waiting is a workflow whose run has ended while two messages wait.
func waiting(t *testing.T, w *world, to workflow.Status) feed.Event {
	t.Helper()
	id := domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow, ID: uuid.New()}
	thread := domain.StreamID{Tenant: "acme", Kind: domain.KindConversation, ID: uuid.New()}
	facts := conversation.NewFacts()
	var queue []workflow.FollowUp
	for _, message := range []string{"m-2", "m-3"} {
		facts.Messages[message] = conversation.Message{ID: message, Author: "noor", Text: w.value("text", "@duo "+message)}
		queue = append(queue, workflow.FollowUp{Conversation: thread.ID, MessageID: message, Author: "noor"})
	}
	run := workflow.Run{ID: uuid.New(), Epoch: 1, Phase: workflow.RunPhaseFinished}
	w.snaps[thread] = &projections.Snapshot{Stream: thread, Messages: facts}
	w.snaps[id] = &projections.Snapshot{Stream: id, Workflow: workflow.State{
		Created: &workflow.Created{Principal: domain.Principal{User: "mia"}}, Status: to, Epoch: 1, Run: &run, FollowUps: queue,
	}}
	return event(t, id, "workflow.workload_finished", workflow.WorkloadFinished{Run: run.ID, Epoch: 1, Status: "success"})
}

func TestFollowUps(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		to    workflow.Status
		spoil func(*workflow.State)
		shuts error
		want  []string
	}{
		"a person is awaited":      {to: workflow.StatusInputRequired, want: []string{"workflow.settle_follow_ups"}},
		"its author may no longer": {to: workflow.StatusInputRequired, shuts: refusal(domain.CodeForbidden)(1, dispatch.Request{}), want: []string{"conversation.refuse_message", "workflow.settle_follow_ups"}},
		"it has finished":          {to: workflow.StatusFinished, want: []string{"conversation.start_anew", "conversation.start_anew", "workflow.settle_follow_ups"}},
		"it has failed":            {to: workflow.StatusFailed, want: []string{"conversation.start_anew", "conversation.start_anew", "workflow.settle_follow_ups"}},
		"it was stopped":           {to: workflow.StatusStopped, want: []string{"conversation.refuse_message", "conversation.refuse_message", "workflow.settle_follow_ups"}},
		"nobody has ended it yet":  {to: workflow.StatusRunning},
		"it is paused":             {to: workflow.StatusPaused},
		"nothing waits":            {to: workflow.StatusFinished, spoil: func(s *workflow.State) { s.FollowUps = nil }},
		"its answer is not asked for yet": {to: workflow.StatusFinished, spoil: func(s *workflow.State) {
			s.Created.CallbackContext = &s.Created.Goal
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.shuts = c.shuts
			e := waiting(t, w, c.to)
			if c.spoil != nil {
				c.spoil(&w.snaps[e.Stream].Workflow)
			}
			for range 2 {
				if err := saga.NewFollowUp(w.core(), w).React(t.Context(), e); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(append(c.want, c.want...), types(w.sent)); diff != "" {
				t.Fatal(diff)
			}
			if len(c.want) == 0 {
				return
			}
			ids := map[uuid.UUID]bool{}
			for _, r := range w.sent {
				ids[r.CommandID] = true
			}
			if len(ids) != len(c.want) {
				t.Errorf("%d commands under %d ids", len(w.sent), len(ids))
			}
			last := w.sent[len(c.want)-1]
			if got, ok := last.Workflow.(*workflow.SettleFollowUps); !ok || got.MessageID != "m-2" || got.Text != "m-2" || last.Principal.User != "noor" || got.Denied != (c.shuts != nil) {
				t.Errorf("sent %+v as %+v", last.Workflow, last.Principal)
			}
		})
	}
}

func TestFollowUpsOfAWorkflowThatIsNotVisibleYet(t *testing.T) {
	t.Parallel()
	w := newWorld()
	e := waiting(t, w, workflow.StatusFinished)
	delete(w.snaps, e.Stream)
	if err := saga.NewFollowUp(w.core(), w).React(t.Context(), e); domain.CodeOf(err) != domain.CodeNotNow {
		t.Errorf("%v", err)
	}
}
