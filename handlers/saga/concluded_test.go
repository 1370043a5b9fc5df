package saga_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/saga"
	"github.com/duolog/duolog/projections/queries/answer"
)

// TestCallbackBeforeTheWorkloadEnds: what an agent says to be its end is told at once, and
// what cannot be told yet is left to the end of its workload.
func TestCallbackBeforeTheWorkloadEnds(t *testing.T) {
	t.Parallel()
	finished, input, approval := workflow.StatusFinished, workflow.StatusInputRequired, workflow.StatusToolApprovalRequired
	told := answer.Said{Answer: "Ten commits.", Question: "Which one?"}
	waits := told
	waits.Waits = true
	for name, c := range map[string]struct {
		to workflow.Status
		// now is the status by then, where it is another one.
		now workflow.Status
		// saved is set when the event is that the question is saved.
		saved bool
		said  answer.Said
		spoil func(s *workflow.State, by **domain.RunRef)
		kind  workflow.DeliveryKind
		says  string
	}{
		"it has finished":                {to: finished, said: told, kind: workflow.DeliverResult, says: "Ten commits."},
		"it was interrupted":             {to: input, said: waits, kind: workflow.DeliverQuestion, says: "Which one?"},
		"its question is saved":          {to: input, saved: true, said: told, kind: workflow.DeliverQuestion, says: "Which one?"},
		"its question follows":           {to: input, said: told},
		"a tool is to be approved":       {to: approval, saved: true, said: answer.Said{Question: "May I run rm?"}, kind: workflow.DeliverQuestion, says: "May I run rm?"},
		"it has said nothing":            {to: finished},
		"its answer follows":             {to: finished, said: answer.Said{Answer: "of the run before", OldAnswer: true}},
		"its question is an old one":     {to: input, saved: true, said: answer.Said{Question: "of the run before", OldQuestion: true}},
		"it runs":                        {to: workflow.StatusRunning, said: told},
		"it was stopped since":           {to: input, saved: true, now: workflow.StatusStopped, said: told},
		"it has failed":                  {to: workflow.StatusFailed, said: told},
		"a person says that it is ended": {to: finished, said: told, spoil: func(_ *workflow.State, by **domain.RunRef) { *by = nil }},
		"of the run before":              {to: finished, said: told, spoil: func(_ *workflow.State, by **domain.RunRef) { *by = &domain.RunRef{ID: uuid.New()} }},
		"its workload has ended":         {to: finished, said: told, spoil: func(s *workflow.State, _ **domain.RunRef) { s.Run.Phase = workflow.RunPhaseFinished }},
		"it is answered":                 {to: finished, said: told, spoil: func(s *workflow.State, _ **domain.RunRef) { s.Answered = s.Run.ID }},
		"nowhere to go":                  {to: finished, said: told, spoil: func(s *workflow.State, _ **domain.RunRef) { s.Created.CallbackContext = nil }},
		"it is not visible yet":          {to: finished, said: told, spoil: func(s *workflow.State, _ **domain.RunRef) { s.Run = nil }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			e, run := ended{status: c.to, open: true}.event(t, w)
			by, s := &domain.RunRef{ID: run, Epoch: 1}, &w.snaps[e.Stream].Workflow
			w.said = c.said
			if c.now != "" {
				s.Status = c.now
			}
			if c.spoil != nil {
				c.spoil(s, &by)
			}
			told := event(t, e.Stream, "workflow.status_changed", workflow.StatusChanged{Event: "finish", From: "running", To: c.to})
			if c.saved {
				told = event(t, e.Stream, "workflow.question_saved", workflow.QuestionSaved{Run: run})
			}
			told.Actor.Run = by
			if err := saga.NewCallback(w.core(), w, w).React(t.Context(), told); err != nil {
				t.Fatal(err)
			}
			if c.kind == "" {
				if len(w.sent) != 0 {
					t.Errorf("sent %+v", w.sent[0].Workflow)
				}
				return
			}
			got, ok := w.sent[0].Workflow.(*workflow.RequestDelivery)
			if !ok || got.Run != run || got.Kind != c.kind || got.Message != c.says || got.While != c.to || got.Adapter != "console" {
				t.Errorf("sent %+v", w.sent[0].Workflow)
			}
		})
	}
}
