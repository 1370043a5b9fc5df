package trigger

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/flow"
	words "github.com/duolog/duolog/domain/trigger"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/directory"
)

// execute pins what the run is given: the version of the flow, the engine, and the
// privileges, which are the same for every way a flow is started, unless the caller
// asks for others. Those of the flow's own need no approval.
func (p *passage) execute(ctx context.Context) error {
	own, err := p.pin(ctx)
	if err != nil {
		return err
	}
	if p.start.PreApproved == nil {
		p.start.PreApproved = slices.DeleteFunc(own, func(one int) bool { return !slices.Contains(p.start.Privileges, one) })
	}
	if p.start.Engine == "" || p.start.Engine == workflow.EngineNone {
		decision, err := p.cfg.Engine(ctx, p.ask.Tenant, &p.start)
		if err != nil {
			return ExecuteFailed(err)
		}
		p.start.Engine, p.start.Placement = decision.Engine, &decision
	}
	p.took(words.Made, fmt.Sprintf("%s · %s engine", strings.TrimSpace(p.start.Flow.Definition+" "+p.start.Flow.Version), p.start.Engine), directory.Basis{})
	return nil
}

// pin sets what the flow resolves to, for where the workflow is; what is gone on with
// stays as it was recorded. It returns the privileges that the flow needs no approval for.
func (p *passage) pin(ctx context.Context) ([]int, error) {
	reference, ask := p.record.Routing.Flow, p.ask.Flow
	var resolved flow.Resolved
	var err error
	if p.ask.Again != nil {
		resolved, err = p.here.Again(p.start.Flow, p.start.FlowConfig, ask.Constraint)
	} else {
		ask.Reference = reference
		resolved, _, err = p.here.Resolve(ctx, p.place.Path, ask)
	}
	if err != nil {
		return nil, err
	}
	p.start.Flow, p.start.FlowConfig = resolved.Flow, resolved.Inline
	return resolved.PreApproved, sameSchema(p.ask.Schema, resolved.Flow)
}

// sameSchema refuses a schema version that is not that of the flow: its configuration
// would be read in another way than the client thinks.
func sameSchema(asked string, pins workflow.Flow) error {
	if asked == "" || asked == pins.SchemaVersion {
		return nil
	}
	e := domain.InvalidField("flow_config_schema_version", fmt.Sprintf("%s has no schema version %.40q", pins.Definition, asked), "leave it out, or send flow_config with it")
	if pins.SchemaVersion != "" {
		e.Fix = "leave it out, or send " + pins.SchemaVersion
	}
	return e
}
