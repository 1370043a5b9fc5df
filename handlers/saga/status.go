package saga

import (
	"context"
	"fmt"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/effects/stored"
	"github.com/duolog/duolog/handlers/engine"
	"github.com/duolog/duolog/handlers/feed"
)

// Status ends a workflow whose workload ended and that nobody ended: an agent
// that finishes says so before its process exits. One whose state says that it was
// interrupted waits for a person.
type Status struct {
	core    Core
	answers Answers
	decoder workflow.Decoder
}

// NewStatus makes the saga.
func NewStatus(core Core, answers Answers) *Status {
	return &Status{core, answers, workflow.NewDecoder()}
}

// Name is status.
func (*Status) Name() string { return "status" }

// Reacts to the end of a workload.
func (*Status) Reacts() []string { return []string{workflow.WorkloadFinished{}.EventType()} }

// React ends the workflow of a workload that ended. The command holds for that
// run only: it does nothing to a newer one.
func (s *Status) React(ctx context.Context, e feed.Event) error {
	w, err := s.core.ended(ctx, s.decoder, e)
	if err != nil || w == nil {
		return err
	}
	if w.state.Status != workflow.StatusCreated && w.state.Status != workflow.StatusRunning {
		return nil
	}
	command := &workflow.UpdateStatus{Event: workflow.EventDrop, Reason: reasonOf(w.end), OnlyRun: &w.end.Run}
	switch waits, err := s.waits(ctx, w); {
	case err != nil:
		return stored.Transient(err)
	case waits:
		command.Event, command.Reason = workflow.EventRequireInput, ""
	case w.end.Status == workflow.WorkloadStopped:
		command.Event = workflow.EventStop
	}
	o := w.order(s.Name(), "engine")
	_, err = s.core.tell(ctx, o, command)
	if domain.CodeOf(err) == domain.CodeIllegalStatus {
		return nil // the agent or a person was faster
	}
	return s.core.settled(ctx, o, err)
}

// waits says whether the run ended to go on when a person has answered.
func (s *Status) waits(ctx context.Context, w *ended) (bool, error) {
	if w.end.Status != workflow.WorkloadSuccess || w.state.Status != workflow.StatusRunning {
		return false, nil
	}
	said, err := s.answers.Last(ctx, w.event.Stream)
	return said.Waits, err
}

// reasonOf is why the workflow ends.
func reasonOf(end workflow.WorkloadFinished) string {
	switch {
	case end.Status == workflow.WorkloadSuccess:
		return "the workload ended without finishing the session"
	case end.Reason == engine.ReasonExitCode && end.ExitCode != nil:
		return fmt.Sprintf("%s %d", end.Reason, *end.ExitCode)
	}
	return end.Reason
}
