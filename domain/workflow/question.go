package workflow

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain/value"
)

// QuestionSaved says that the run waits for a person and that what it asks stands in
// its newest checkpoint. Agents of GitLab Duo change the status before they save the
// question: the status alone does not say that it can be read.
type QuestionSaved struct {
	Run uuid.UUID `json:"run"`
}

// EventType names the type of the event in the log.
func (QuestionSaved) EventType() string { return "workflow.question_saved" }

// Values lists what the event carries.
func (QuestionSaved) Values() []value.Value { return nil }

func (QuestionSaved) event() {}

// questionSaved is what a checkpoint of the root namespace says beside itself, where
// somebody waits to be asked what its run waits for.
func (s State) questionSaved(env Env, ns string) []Event {
	by, run := env.Principal.Run, s.ActiveRun()
	switch {
	case ns != "" || by == nil || run == nil || by.ID != run.ID || !s.Status.AwaitsHuman():
		return nil
	case s.Created.CallbackContext == nil || s.Answered == run.ID:
		return nil
	}
	return []Event{QuestionSaved{Run: run.ID}}
}

// nextTurn is the state when a run that has asked goes on by itself, because its agent
// was told the answer while it waited: it owes another answer.
func (s State) nextTurn(e StatusChanged) State {
	run := s.ActiveRun()
	if run == nil || s.Answered != run.ID || !e.From.AwaitsHuman() || e.To != StatusRunning {
		return s
	}
	next := *run
	next.Turns++
	s.Run, s.Answered = &next, uuid.Nil
	return s
}

// answerID is the id of what a run has delivered; it derives from the run, and from the
// turn after the first.
func (s State) answerID(run uuid.UUID) uuid.UUID {
	name := "answer"
	if s.Run != nil && s.Run.ID == run && s.Run.Turns > 0 {
		name = fmt.Sprintf("answer/%d", s.Run.Turns)
	}
	return uuid.NewSHA1(run, []byte(name))
}
