package directory_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/directory"
)

// TestE4PoliciesThatSayNothingAreRefused: a policy has a name that there is and a value
// that means something; the refusal names the field and what there is.
func TestE4PoliciesThatSayNothingAreRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, value, field, fix string }{
		{"denied_tool", "run_command", "policies.name", "denied_actions, denied_tools or follow_up"},
		{"denied_tool", "", "policies.name", "denied_actions, denied_tools or follow_up"},
		{"denied_actions", "start,fly", "policies.value", "start, resume, steer, stop, fork, redeliver or use_tool"},
		{"denied_tools", "run command", "policies.value", "run_command"},
		{"denied_tools", "a,,b", "policies.value", ""},
		{"follow_up", "ignore", "policies.value", "inject, queue or refuse"},
		{"denied_tools", strings.Repeat("a", 256), "policies.value", ""},
	} {
		s := namespace(t)
		_, err := s.decide(&directory.ChangeNamespace{Root: "acme", Changes: []directory.Change{{ChangeSettings: &directory.ChangeSettings{Policies: []directory.Policy{{Name: test.name, Value: test.value}}}}}})
		e, ok := errors.AsType[*domain.Error](err)
		if !ok || !strings.HasSuffix(e.Field, test.field) || !strings.Contains(e.Fix, test.fix) {
			t.Errorf("%s=%.40s is refused with %+v", test.name, test.value, e)
		}
	}
}

// TestPoliciesOfBefore: what stands in the log from before policies had a meaning is
// kept, may be said again, and can be taken away.
func TestPoliciesOfBefore(t *testing.T) {
	t.Parallel()
	s := namespace(t)
	s.facts.Apply(s.state, directory.SettingsChanged{Namespace: "acme", Policies: []directory.Policy{{Name: "colour", Value: "red"}, {Name: "follow_up", Value: "ignore"}}}, 0)
	set := func(p ...directory.Policy) directory.Change {
		return directory.Change{ChangeSettings: &directory.ChangeSettings{Policies: p}}
	}
	s.change(set(directory.Policy{Name: "colour", Value: "red"}, directory.Policy{Name: "denied_tools", Value: "run_command, use_git"}))
	top := func() directory.FlowSettings {
		return s.facts.Get(directory.Key{Kind: directory.ContainerEntry, Path: "acme"}).Top.FlowSettings()
	}
	if got := top(); len(got.Policies) != 3 || got.Policy("colour") != "red" || got.Policy("nothing") != "" || got.Denied("denied_actions") != nil {
		t.Errorf("%+v", got)
	}
	if d := cmp.Diff([]string{"run_command", "use_git"}, top().Denied("denied_tools")); d != "" {
		t.Error(d)
	}
	s.change(set(directory.Policy{Name: "colour"}, directory.Policy{Name: "follow_up", Value: "queue"}))
	if got := top(); len(got.Policies) != 2 || got.Policy("follow_up") != "queue" {
		t.Errorf("%+v", got)
	}
}
