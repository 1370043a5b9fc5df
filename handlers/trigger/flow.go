package trigger

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/duolog/duolog/domain"
	entities "github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/domain/routing"
	words "github.com/duolog/duolog/domain/trigger"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/directory"
)

// flow chooses the flow and checks that it may be started in the group.
func (p *passage) flow(ctx context.Context) error {
	rules := p.policy.Rules
	if p.ask.Message.Adapter == "" {
		rules = nil // it did not come from a surface
	}
	message := p.ask.Message
	if p.ask.Again != nil {
		message.Asked = p.reference(*p.ask.Again)
	}
	decision := routing.Decide(rules, message, cmp.Or(p.policy.Flow.Definition, DefaultFlow))
	p.record.Routing = &decision
	settings, basis, err := p.cfg.Directory.Flows(ctx, p.ask.Tenant, p.root.Path)
	if err != nil {
		return fmt.Errorf("find the flows of %s: %w", p.root.Path, err)
	}
	s := switches{flow: decision.Flow, group: p.root.Path, settings: settings, basis: basis}
	if err := p.on(s); err != nil {
		return err
	}
	p.enabled = settings.Enabled
	p.took(words.Found, decision.Flow, basis)
	return nil
}

// switches are what a group says of one flow.
type switches struct {
	flow, group string
	settings    entities.FlowSettings
	basis       directory.Basis
}

// on checks the three conditions that make a flow enabled, in the order in which they
// are put right: a group that allows none, a flow that is not there, a list that it is
// not in; then the gates beside them.
func (p *passage) on(s switches) error {
	if err := s.allowed(); err != nil {
		return err
	}
	listed, ok := p.cfg.Flows.Catalog.Find(s.flow)
	if !ok && !slices.Contains(p.policy.Own, s.flow) {
		return s.refuse("the catalog has no such flow", "use one that is there: duolog flow list")
	}
	if err := s.enabled(); err != nil {
		return err
	}
	return s.gates(p.policy, listed.Maturity)
}

// reference is what a workflow's flow was asked for as: what it was pinned to may have
// another name.
func (t *Trigger) reference(s workflow.State) string {
	if s.Routing != nil {
		return s.Routing.Flow
	}
	return t.cfg.Flows.Catalog.ReferenceOf(s.Created.Flow)
}

func (s switches) allowed() error {
	if s.settings.FoundationalAllowed {
		return nil
	}
	return s.refuse("the group does not allow foundational flows", entities.NameOwners(s.settings.Owners)+" can allow them: "+byHand{
		command: fmt.Sprintf("duolog namespace set %s --foundational-flows on", s.group),
		config:  "they are always allowed by the configuration",
		gitlab:  "in GitLab, in the group's settings under GitLab Duo, Allow foundational flows",
	}.at(s.basis.Source))
}

func (s switches) enabled() error {
	if slices.Contains(s.settings.Enabled, s.flow) {
		return nil
	}
	return s.refuse("it is not switched on", entities.NameOwners(s.settings.Owners)+" can enable it: "+byHand{
		command: fmt.Sprintf("duolog flow enable %s --in %s", s.flow, s.group),
		config:  fmt.Sprintf("add %s to the tenant's flows in the configuration", s.flow),
		gitlab:  "in GitLab, in the group's settings under GitLab Duo, Foundational flows",
	}.at(s.basis.Source))
}

// gates are what stands beside the access level.
func (s switches) gates(p Policy, maturity string) error {
	if len(p.Plans) > 0 && !slices.Contains(p.Plans, s.settings.Plan) {
		return s.refuse(fmt.Sprintf("the group's plan is %s, and flows need %s", cmp.Or(s.settings.Plan, "none"), strings.Join(p.Plans, " or ")),
			entities.NameOwners(s.settings.Owners)+" can change the plan; the configuration's gates.plans says which are enough")
	}
	if len(p.Maturities) > 0 && !slices.Contains(p.Maturities, maturity) {
		return s.refuse(fmt.Sprintf("its maturity is %s, and flows must be %s", cmp.Or(maturity, "not known"), strings.Join(p.Maturities, " or ")),
			"use another flow, or let this one pass in gates.maturities of the configuration")
	}
	return nil
}

func (s switches) refuse(why, fix string) error {
	return &domain.Error{
		Code: domain.CodeFlowNotEnabled, Field: "workflow_definition", Message: fmt.Sprintf("The %.80s flow is not enabled in %s: %s", s.flow, s.group, why), Fix: fix,
	}
}
