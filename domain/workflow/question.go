package workflow

import (
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
