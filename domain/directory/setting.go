package directory

import (
	"fmt"
	"slices"
	"strings"

	"github.com/duolog/duolog/domain"
)

// ChangeSettings changes what the root group says; what is left out stays.
type ChangeSettings struct {
	FoundationalAllowed *bool   `json:"foundational_allowed,omitempty"`
	Plan                *string `json:"plan,omitempty"`
	// Policies are set one by one; an empty value takes one away.
	Policies []Policy `json:"policies,omitempty"`
}

func (*ChangeSettings) want(string) []Key { return nil }

func (c *ChangeSettings) decide(f *Facts, root string) ([]Event, error) {
	now := f.Get(containerKey(root)).Top.clone()
	e := SettingsChanged{Namespace: root, FoundationalAllowed: now.FoundationalAllowed, Plan: now.Plan, Policies: now.Policies}
	if c.FoundationalAllowed != nil {
		e.FoundationalAllowed = *c.FoundationalAllowed
	}
	if c.Plan != nil {
		e.Plan = *c.Plan
	}
	if err := domain.CheckText("plan", e.Plan, MaxName); err != nil {
		return nil, err
	}
	var err error
	if e.Policies, err = withPolicies(slices.Clone(now.Policies), c.Policies); err != nil {
		return nil, err
	}
	if e.FoundationalAllowed == now.FoundationalAllowed && e.Plan == now.Plan && slices.Equal(e.Policies, now.Policies) {
		return nil, nil
	}
	return []Event{e}, nil
}

// withPolicies sets policies among others, in the order of their names. What stands
// there can stay or go, also what could not be set today.
func withPolicies(all, set []Policy) ([]Policy, error) {
	for _, p := range set {
		i, there := slices.BinarySearchFunc(all, p.Name, func(p Policy, name string) int { return strings.Compare(p.Name, name) })
		switch {
		case there && p.Value == "":
			all = slices.Delete(all, i, i+1)
			continue
		case there && p == all[i]:
			continue
		}
		if err := p.check(); err != nil {
			return nil, err
		}
		switch {
		case there:
			all[i] = p
		case p.Value != "":
			all = slices.Insert(all, i, p)
		}
	}
	if len(all) > MaxPolicies {
		return nil, domain.InvalidField("policies", fmt.Sprintf("%d policies are more than %d", len(all), MaxPolicies), "take some away")
	}
	return all, nil
}

// SetFlow puts a flow on the list of those that are on, or takes it off. Whether the
// catalog has it is asked when it is to run.
type SetFlow struct {
	Flow    string `json:"flow"`
	Enabled bool   `json:"enabled"`
}

func (*SetFlow) want(string) []Key { return nil }

func (c *SetFlow) decide(f *Facts, root string) ([]Event, error) {
	if err := CheckFlow("flow", c.Flow); err != nil {
		return nil, err
	}
	top := f.Get(containerKey(root)).Top
	switch was := top.Flow(c.Flow); {
	case was.Enabled == c.Enabled:
		return nil, nil
	case !c.Enabled:
		return []Event{FlowDisabled{Namespace: root, Flow: c.Flow}}, nil
	}
	if err := roomForFlow(top, c.Flow); err != nil {
		return nil, err
	}
	return []Event{FlowEnabled{Namespace: root, Flow: c.Flow}}, nil
}

// SetFlag switches a flag for a project or a group and what is below it; without On it
// is left to the groups above.
type SetFlag struct {
	Path string `json:"path"`
	Name string `json:"name"`
	On   *bool  `json:"on,omitempty"`
}

func (c *SetFlag) want(string) []Key {
	return []Key{containerKey(c.Path), flagKey(c.Path, c.Name)}
}

func (c *SetFlag) decide(f *Facts, root string) ([]Event, error) {
	if err := CheckFlag("name", c.Name); err != nil {
		return nil, err
	}
	in, err := found(f, c.Path, root)
	if err != nil {
		return nil, err
	}
	e := f.Get(flagKey(c.Path, c.Name))
	switch set := e.LivesIn(in); {
	case c.On == nil && !set, c.On != nil && set && e.On == *c.On:
		return nil, nil
	case c.On == nil:
		return []Event{FlagCleared{Path: c.Path, Name: c.Name}}, nil
	}
	return []Event{FlagSet{Path: c.Path, Name: c.Name, On: *c.On}}, nil
}
