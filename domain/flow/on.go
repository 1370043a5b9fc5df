package flow

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/directory"
)

// On is nil for a flow that may be started at a place, and flow_not_enabled for any
// other: what is in its way first, who can put it right, and how.
//
// The conditions are asked in the order in which they are put right: the group allows
// foundational flows, there is such a flow, it is on the group's list; then the gates
// beside them. A flow of the tenant's own is no foundational flow: it needs the list and
// the gates alone.
func (c Catalog) On(p Policy, reference string) error {
	f, known := c.Find(reference)
	switch {
	case c.foundational(p, reference) && !p.Settings.FoundationalAllowed:
		return p.notAllowed(reference)
	case !known && !p.owns(reference):
		return p.noSuch(reference)
	case !p.listed(reference):
		return p.notListed(reference)
	}
	return p.gates(reference, f.Maturity)
}

// StillOn is On for what was started before: the group still has it on. What was recorded
// runs, whatever became of the catalog, the plan or the gates since.
func (c Catalog) StillOn(p Policy, reference string) error {
	switch {
	case c.foundational(p, reference) && !p.Settings.FoundationalAllowed:
		return p.notAllowed(reference)
	case !p.listed(reference):
		return p.notListed(reference)
	}
	return nil
}

// foundational says whether a flow is one of those that come with the product, or was:
// what the catalog does not have any more is so unless the tenant says it is its own.
func (c Catalog) foundational(p Policy, reference string) bool {
	_, known := c.Find(reference)
	return known || !p.owns(reference)
}

func (p Policy) owns(reference string) bool { return slices.Contains(p.Own, reference) }

func (p Policy) listed(reference string) bool { return slices.Contains(p.Settings.Enabled, reference) }

func (p Policy) notAllowed(reference string) error {
	return p.off(reference, "the group does not allow foundational flows", p.owners()+" can allow them: "+directory.ByHand{
		Command: fmt.Sprintf("duolog namespace set %s --foundational-flows on", p.Where),
		Config:  "they are always allowed by the configuration",
		GitLab:  "in GitLab, in the group's settings under GitLab Duo, Allow foundational flows",
	}.At(p.Source))
}

func (p Policy) noSuch(reference string) error {
	fix := "use one that is there: duolog flow list"
	if len(p.Settings.Enabled) > 0 {
		fix += "; on here: " + strings.Join(p.Settings.Enabled, ", ")
	}
	return p.off(reference, "the catalog has no such flow", fix)
}

func (p Policy) notListed(reference string) error {
	return p.off(reference, "it is not switched on", p.owners()+" can enable it: "+directory.ByHand{
		Command: fmt.Sprintf("duolog flow enable %s --in %s", reference, p.Where),
		Config:  fmt.Sprintf("add %s to the tenant's flows in the configuration", reference),
		GitLab:  "in GitLab, in the group's settings under GitLab Duo, Foundational flows",
	}.At(p.Source))
}

// gates are what stands beside the access level.
func (p Policy) gates(reference, maturity string) error {
	if len(p.Plans) > 0 && !slices.Contains(p.Plans, p.Settings.Plan) {
		return p.off(reference, fmt.Sprintf("the group's plan is %s, and flows need %s", cmp.Or(p.Settings.Plan, "none"), strings.Join(p.Plans, " or ")),
			p.owners()+" can change the plan; the configuration's gates.plans says which are enough")
	}
	if len(p.Maturities) > 0 && !slices.Contains(p.Maturities, maturity) {
		return p.off(reference, fmt.Sprintf("its maturity is %s, and flows must be %s", cmp.Or(maturity, "not known"), strings.Join(p.Maturities, " or ")),
			"use another flow, or let this one pass in gates.maturities of the configuration")
	}
	return nil
}

func (p Policy) off(reference, why, fix string) error {
	return &domain.Error{
		Code: domain.CodeFlowNotEnabled, Field: "workflow_definition", Message: fmt.Sprintf("The %.80s flow is not enabled in %s: %s", reference, p.Where, why), Fix: fix,
	}
}

// owners names who can change the group.
func (p Policy) owners() string { return directory.NameOwners(p.Settings.Owners) }
