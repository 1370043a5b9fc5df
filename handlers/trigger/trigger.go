package trigger

import (
	"cmp"
	"context"
	"errors"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	entities "github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/domain/flow"
	"github.com/duolog/duolog/domain/placement"
	"github.com/duolog/duolog/domain/routing"
	words "github.com/duolog/duolog/domain/trigger"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/directory"
	"github.com/duolog/duolog/handlers/effects/stored"
	"github.com/duolog/duolog/handlers/flows"
	"github.com/duolog/duolog/handlers/permission"
)

// DefaultFlow is what is started where neither a rule nor a tenant says otherwise.
const DefaultFlow = "developer/v1"

// EntryFork is the entry of a fork: whoever may start may not have to be allowed that.
const EntryFork = "fork"

// maxReference bounds the name of a flow, in bytes.
const maxReference = 255

// Policy is what a tenant says of its triggers.
type Policy struct {
	// Policy is what it says of flows. Its Default is started where no rule says
	// otherwise; empty is DefaultFlow.
	flow.Policy
	// Denied are the actions that nobody may have in the tenant.
	Denied access.Denial
	// Rules choose the flow of a message.
	Rules []routing.Rule
	// FollowUp says what becomes of a message while a run is under way.
	FollowUp workflow.FollowUpPolicy
}

// Config is what a Trigger is made of.
type Config struct {
	Directory directory.Directory
	Changer   directory.Changer
	// States reads the workflows that shall go on.
	States stored.Source
	// Policy is what a tenant says; false for a tenant that is not known.
	Policy func(domain.Tenant) (Policy, bool)
	// Flows is the catalog, and what a flow resolves to.
	Flows flows.Resolver
	// Engine chooses where a start runs. It returns a *domain.Error where nothing runs it.
	Engine func(ctx context.Context, tenant domain.Tenant, start *workflow.Start) (placement.Decision, error)
	// Denied is told that somebody may not have a workflow go on, for its record; nil to
	// leave it out.
	Denied func(ctx context.Context, stream domain.StreamID, who domain.Principal, d access.Decision)
	// Point is called at named points for crash tests; nil outside them.
	Point func(name string)
}

// Trigger decides what may start, and what may go on. It is safe for concurrent use.
type Trigger struct {
	cfg   Config
	asker permission.Asker
}

// New makes a Trigger.
func New(cfg Config) (*Trigger, error) {
	if cfg.Directory == nil || cfg.Changer == nil || cfg.States == nil || cfg.Policy == nil || cfg.Engine == nil {
		return nil, errors.New("trigger: directory, changer, states, policy and engine are needed")
	}
	if cfg.Denied == nil {
		cfg.Denied = func(context.Context, domain.StreamID, domain.Principal, access.Decision) {}
	}
	if cfg.Point == nil {
		cfg.Point = func(string) {}
	}
	return &Trigger{cfg, permission.Asker{Directory: cfg.Directory, Places: permission.Here{Switches: cfg.Directory, Flows: cfg.Flows, Says: cfg.says}}}, nil
}

// says is what a tenant says of flows for a path.
func (c Config) says(tenant domain.Tenant, path string) (flow.Policy, access.Denial, error) {
	policy, ok := c.Policy(tenant)
	if !ok {
		return flow.Policy{}, access.Denial{}, noTenant(tenant)
	}
	policy.Where = cmp.Or(policy.Where, entities.Root(path))
	return policy.Policy, policy.Denied, nil
}

// Named is a group or project that a caller names by its path or its number, and the
// field that does.
type Named struct {
	Ref, Field string
	Project    bool
}

// Ask is one request: who wants what, and which way it came.
type Ask struct {
	Tenant domain.Tenant
	User   string
	// Entry is the way it came: message, api, command, fork.
	Entry string
	// Message is what routing chooses the flow by; Asked is set where the caller names it.
	Message routing.Message
	// Named are the group and the project that the caller names, groups first; none for
	// the defaults.
	Named []Named
	// Start is what the entry says itself: goal, callback context, what it is about.
	// Privileges and PreApproved are what it asks for; nil for the defaults.
	Start workflow.Start
	// Flow is what is asked of the flow: a version, or a configuration of the caller's
	// own. Its reference is what routing decides.
	Flow flow.Ask
	// Schema is the schema version that the caller takes the flow for; empty for any.
	Schema string
	// Again is the workflow that a fork goes on with: what it has pinned holds, unless
	// another version is asked for. Nil for a start of its own.
	Again *workflow.State
}

// TriggerFlow takes the steps of one request, and returns the command that starts the
// workflow. Whoever has carried that out has triggered it. The facts are what it asked of
// who may, and go with the request of the command: nobody asks that again. A request that
// no state would take is refused before the first step.
func (t *Trigger) TriggerFlow(ctx context.Context, a Ask) (*workflow.Start, *access.Facts, error) {
	p := &passage{Trigger: t, ask: a, start: a.Start, record: words.Record{Entry: a.Entry}, facts: access.Facts{Action: access.Start}}
	if a.Entry == EntryFork {
		p.facts.Action = access.Fork
	}
	if p.start.Privileges == nil {
		p.start.Privileges = flow.Granted()
	}
	if err := cmp.Or(p.start.Validate(), domain.CheckText("workflow_definition", a.Message.Asked, maxReference)); err != nil {
		return nil, nil, err
	}
	for _, s := range []struct {
		name words.Step
		take func(context.Context) error
	}{
		{words.StepNamespace, p.namespace},
		{words.StepFlow, p.flow},
		{words.StepProject, p.project},
		{words.StepServiceAccount, p.serviceAccount},
		{words.StepMembership, p.membership},
		{words.StepExecute, p.execute},
	} {
		p.step = s.name
		if err := s.take(ctx); err != nil {
			return nil, nil, p.stopped(err)
		}
	}
	record := p.record.Clean()
	p.start.Triggered = &record
	return &p.start, &p.facts, nil
}

// passage is one request on its way through the steps.
type passage struct {
	*Trigger

	ask    Ask
	policy Policy
	start  workflow.Start
	record words.Record
	step   words.Step

	// user asks; root is the group that decides; place is where the workflow is, the
	// project or else the namespace; account acts for the user, without a login where
	// users act alone.
	user    entities.User
	root    entities.Container
	place   entities.Container
	account entities.User
	// here are the flows of the group.
	here flows.Tenant
	// facts are what is known of who may; levelIn is where the level of the user was
	// asked, empty before it was.
	facts   access.Facts
	levelIn string
	// found are the groups and projects that were asked for.
	found []found
}

// found is a group or project, and what the answer rests on.
type found struct {
	entities.Container

	basis directory.Basis
}

// took records the step that is under way.
func (p *passage) took(outcome words.Outcome, detail string, basis directory.Basis) {
	s := words.Taken{Step: p.step, Outcome: outcome, Detail: detail}
	if basis.Source != "" {
		s.Basis = &words.Basis{Source: basis.Source, Position: basis.Position, At: basis.At}
	}
	p.record.Steps = append(p.record.Steps, s)
}

// stopped is the end of a request that was refused, or could not be decided now.
func (p *passage) stopped(err error) error {
	refusal, ok := errors.AsType[*domain.Error](stored.Transient(err))
	if !ok || stored.Later(refusal) {
		return stored.Transient(err)
	}
	p.took(words.Refused, string(refusal.Code)+": "+refusal.Message, directory.Basis{})
	return &RefusedError{Err: refusal, Record: p.record.Clean()}
}

// who changes a directory for the user.
func (p *passage) who() domain.Principal {
	return domain.Principal{User: p.ask.User, System: "trigger"}
}
