package flow

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/domain/workflow"
)

// maxReference bounds what somebody may ask for as a flow, in bytes.
const maxReference = 256

// Policy is what holds for flows at a place: what the tenant says, and what its root
// group does.
type Policy struct {
	// Default is what runs where no flow is named. With more than a definition it is
	// what that definition resolves to, whatever the catalog and the flags say.
	Default workflow.Flow
	// Own are the references of the tenant's own flows, which may stand beside those of
	// the catalog.
	Own []string
	// Plans and Maturities are gates beside the access level: what the group's plan and
	// the flow's maturity must be one of. Empty lets everything pass.
	Plans, Maturities []string

	// Where is the root group, Settings what it says, and Source where that was asked:
	// config, directory or gitlab.
	Where    string
	Settings directory.FlowSettings
	Source   string
}

// pins says whether the tenant itself says what its flow resolves to.
func (p Policy) pins(reference string) bool {
	return reference == p.Default.Definition && p.Default != workflow.Flow{Definition: reference}
}

// For resolves what somebody of a tenant asks for. Flags are asked by name; the caller
// decides for which project. It returns flow_not_enabled and invalid_field, each with
// what there is.
func (c Catalog) For(p Policy, flags func(name string) bool, ask Ask) (Resolved, []Reason, error) {
	reference := cmp.Or(ask.Reference, p.Default.Definition)
	if err := c.check(p, reference); err != nil {
		return Resolved{}, nil, err
	}
	f, known := c.Find(reference)
	if ask.Inline == nil && p.pins(reference) && (!known || fits(ask.Constraint, p.Default.Version)) {
		own, err := asRecorded(p.Default, ask.Constraint)
		return f.resolved(own), []Reason{{Rule: RuleTenant, Text: "the tenant's configuration says " + named(own)}}, err
	}
	if known || ask.Inline != nil {
		return c.Resolve(reference, flags, ask.Inline, ask.Constraint)
	}
	own, err := asRecorded(workflow.Flow{Definition: reference}, ask.Constraint)
	return f.resolved(own), []Reason{{Rule: RuleTenant, Text: reference + " is a flow of the tenant's own"}}, err
}

// Again is the flow of what goes on with one that was recorded: the same values, and no
// flag is asked; with a constraint another version of the same configuration.
func (c Catalog) Again(p Policy, recorded workflow.Flow, inline json.RawMessage, constraint string) (Resolved, error) {
	f, config, known := c.Recorded(recorded)
	if err := c.check(p, cmp.Or(f.Reference, recorded.Definition)); err != nil {
		return Resolved{}, err
	}
	out := f.resolved(recorded)
	out.Inline = inline
	var err error
	switch {
	case constraint == "":
	case inline != nil:
		err = withoutVersions()
	case known:
		out.Flow, _, err = config.pick(constraint)
	default:
		out.Flow, err = asRecorded(recorded, constraint)
	}
	return out, err
}

// check refuses what may not be started here, and what is no name of a flow.
func (c Catalog) check(p Policy, reference string) error {
	off := c.On(p, reference)
	if off == nil {
		return nil
	}
	if err := domain.CheckText("workflow_definition", reference, maxReference); err != nil {
		return err
	}
	return off
}

// fits says whether a version that is pinned is among those that were asked for.
func fits(asked, pinned string) bool {
	if asked == "" {
		return true
	}
	want, err := parseConstraint(asked)
	_, ok := want.highest([]string{pinned})
	return err == nil && (ok || asked == pinned)
}

// asRecorded is a flow whose versions nobody here knows: the one it has, or the one
// that is named.
func asRecorded(pins workflow.Flow, asked string) (workflow.Flow, error) {
	if fits(asked, pins.Version) {
		return pins, nil
	}
	want, err := parseConstraint(asked)
	if err != nil {
		return pins, err
	}
	if !want.exact() || pins.Version != "" {
		fix := "name one version, like 2.0.0, or leave flow_version out"
		if pins.Version != "" {
			fix = "leave flow_version out, or ask for " + pins.Version
		}
		return pins, domain.InvalidField("flow_version", fmt.Sprintf("the catalog does not know which versions of %s are %s", pins.Definition, asked), fix)
	}
	pins.Version = strings.TrimLeft(asked, "= ")
	return pins, nil
}

func named(pins workflow.Flow) string { return strings.TrimSpace(pins.Definition + " " + pins.Version) }
