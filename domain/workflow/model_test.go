package workflow_test

import (
	"strings"
	"testing"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
)

// TestP4: what a person chose goes before what was recorded, and that is used by a
// workflow that sticks to its model.
func TestP4(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		recorded, chosen, fresh string
		sticky                  bool
		want                    string
	}{
		"nothing":               {"", "", "", true, ""},
		"fresh":                 {"", "", "new", true, "new"},
		"recorded":              {`{"n" : 1.0}`, "", "new", true, `{"n" : 1.0}`},
		"recorded, flag off":    {"old", "", "new", false, "new"},
		"recorded, off, none":   {"old", "", "", false, ""},
		"chosen before it":      {"old", "mine", "new", true, "mine"},
		"chosen, flag off":      {"old", "mine", "new", false, "mine"},
		"chosen before a fresh": {"", "mine", "new", false, "mine"},
	} {
		if got := workflow.ModelFor(c.recorded, c.chosen, c.fresh, c.sticky); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestP5: the model of another person's workflow is not there, and nothing of it is told.
func TestP5(t *testing.T) {
	t.Parallel()
	chosen := workflow.ModelChosen{Metadata: `{"name":"mine"}`}
	s := given(t, append(running(), chosen, workflow.ModelSelected{Metadata: `{"name":"seen"}`})...).state
	recorded, mine, err := s.SelectedModel(domain.Principal{User: s.Owner.User, ServiceAccount: "other"})
	if err != nil || recorded != `{"name":"seen"}` || mine != chosen.Metadata {
		t.Errorf("its owner is told %q and %q, %v", recorded, mine, err)
	}
	for name, who := range map[string]domain.Principal{"another": {User: "eve"}, "nobody": {}, "the service account alone": {ServiceAccount: s.Owner.ServiceAccount}} {
		recorded, mine, err := s.SelectedModel(who)
		if domain.CodeOf(err) != domain.CodeNotFound || recorded+mine != "" || strings.Contains(err.Error(), "seen") || strings.Contains(err.Error(), "mine") {
			t.Errorf("%s is told %q and %q, %v", name, recorded, mine, err)
		}
	}
	if _, _, err := (workflow.State{}).SelectedModel(domain.Principal{}); domain.CodeOf(err) != domain.CodeNotFound {
		t.Errorf("what is not there: %v", err)
	}
	alone := workflow.State{Created: s.Created, Owner: domain.Principal{ServiceAccount: "bot"}, Model: "m"}
	if got, _, err := alone.SelectedModel(domain.Principal{ServiceAccount: "bot"}); got != "m" || err != nil {
		t.Errorf("a service account that acts for nobody: %q, %v", got, err)
	}
}
