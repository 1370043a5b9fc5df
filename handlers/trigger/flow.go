package trigger

import (
	"cmp"
	"context"

	"github.com/duolog/duolog/domain/routing"
	words "github.com/duolog/duolog/domain/trigger"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/permission"
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
	decision := routing.Decide(rules, message, cmp.Or(p.policy.Default.Definition, DefaultFlow))
	p.record.Routing = &decision
	says := p.policy.Policy
	says.Where = p.root.Path
	here, basis, err := p.cfg.Flows.At(ctx, p.cfg.Directory, p.ask.Tenant, says)
	if err != nil {
		return err
	}
	p.here, p.facts.Flow, p.facts.Denied = here, permission.FlowOf(here, decision.Flow, false), p.policy.Denied
	if off := p.facts.Flow.Off; off != nil {
		return off
	}
	p.took(words.Found, decision.Flow, basis)
	return nil
}

// reference is what a workflow's flow was asked for as: what it was pinned to may have
// another name.
func (t *Trigger) reference(s workflow.State) string {
	if s.Routing != nil {
		return s.Routing.Flow
	}
	return t.cfg.Flows.Catalog.ReferenceOf(s.Created.Flow)
}
