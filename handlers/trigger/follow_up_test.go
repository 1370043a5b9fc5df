package trigger_test

import (
	"errors"
	"testing"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	entities "github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/domain/workflow"
)

// TestTheGroupSaysWhatBecomesOfAMessage: what the root group says goes before what the
// configuration says; what means nothing says nothing.
func TestTheGroupSaysWhatBecomesOfAMessage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		says  string
		spoil func(*world)
		want  workflow.FollowUpPolicy
		code  domain.Code
	}{
		"the group says so":       {says: "refuse", want: "refuse"},
		"the group says nothing":  {want: "queue"},
		"the group says nonsense": {says: "ignore", want: "queue"},
		"the group is gone":       {says: "refuse", spoil: func(w *world) { w.away["flows"] = gone() }, want: "queue"},
		"the directory is away":   {spoil: func(w *world) { w.away["flows"] = errors.New("connection refused") }, code: domain.CodeNotNow},
		"no such workflow":        {says: "refuse", spoil: func(w *world) { clear(w.states) }, want: "queue"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, id := newWorld(), domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow, ID: uuid.New()}
			w.policy.FollowUp = workflow.FollowUpQueue
			w.settings.Policies = []entities.Policy{{Name: entities.PolicyFollowUp, Value: c.says}}
			w.states[id.ID] = workflow.State{Created: &workflow.Created{Namespace: &workflow.Container{Path: "acme"}}}
			if c.spoil != nil {
				c.spoil(w)
			}
			got, err := w.trigger(t).FollowUp(t.Context(), id)
			if got != c.want || domain.CodeOf(err) != c.code && err != nil || (err == nil) != (c.code == "") {
				t.Errorf("%s, %v", got, err)
			}
		})
	}
}
