package effects

import (
	"context"
	"fmt"

	"github.com/duolog/duolog/domain/workflow"
)

// model is what a run is told of its model. It is asked for anew at each run: what was
// recorded may be used or not, as the project says now.
func (r *Runner) model(ctx context.Context, j *job) (string, error) {
	created := j.state.Created
	recorded, chosen, err := j.state.SelectedModel(created.Principal)
	if err != nil {
		recorded, chosen = "", "" // not theirs: the run gets a fresh one
	}
	if r.cfg.Models == nil {
		return workflow.ModelFor(recorded, chosen, "", true), nil
	}
	m, err := r.cfg.Models(ctx, j.stream.Tenant, created.Path())
	if err != nil {
		return "", fmt.Errorf("resolve the model of run %s: %w", j.state.Run.ID, err)
	}
	return workflow.ModelFor(recorded, chosen, m.Fresh, m.Sticky), nil
}
