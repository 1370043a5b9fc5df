package workflow

import (
	"slices"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/placement"
)

// EngineChosen says which engine was chosen, from which, and why. It stands before what
// follows from it: the intent of a run, or its first attempt.
type EngineChosen struct {
	// Run is the run that it was chosen for; nil at the creation of a workflow that
	// does not run yet.
	Run *uuid.UUID `json:"run,omitempty"`
	placement.Decision
}

// maxCandidates bounds how many engines a decision names.
const maxCandidates = 64

// chosen is the event of a decision for a run, nothing where none was made. The caller
// made it: it is cut to its limits.
func chosen(d *placement.Decision, run *uuid.UUID) []Event {
	if d == nil {
		return nil
	}
	e := EngineChosen{run, placement.Decision{Engine: domain.CleanText(d.Engine, MaxName), Reason: domain.CleanText(d.Reason, MaxShortText)}}
	e.Candidates = make([]placement.Candidate, 0, len(d.Candidates))
	for _, c := range d.Candidates[:min(len(d.Candidates), maxCandidates)] {
		e.Candidates = append(e.Candidates, placement.Candidate{Engine: domain.CleanText(c.Engine, MaxName), PassedOver: domain.CleanText(c.PassedOver, MaxShortText)})
	}
	return []Event{e}
}

// PlacedFor says whether it is recorded why a run has its engine.
func (s State) PlacedFor(run uuid.UUID) bool {
	return s.Placement != nil && s.Placement.Run != nil && *s.Placement.Run == run
}

func applyPlacement(s State, e EngineChosen) State {
	e.Run, e.Candidates = clone(e.Run), slices.Clone(e.Candidates)
	s.Placement = &e
	if s.Run != nil && e.Run != nil && s.Run.ID == *e.Run && s.Run.Engine != e.Engine {
		run := *s.Run
		run.Engine = e.Engine
		s.Run = &run
	}
	return s
}
