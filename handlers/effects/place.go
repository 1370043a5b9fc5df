package effects

import (
	"github.com/duolog/duolog/domain/placement"
)

// place decides where a run goes of which that is not recorded, or whose engine is
// configured no more, and makes it the run's; nil where nothing is to be decided. A run
// that was attempted stays where it is: its engine may have it.
//
// A crash before the attempt decides anew: the decision stands in the attempt's commit.
func (r *Runner) place(j *job) (*placement.Decision, error) {
	run := *j.state.Run
	_, here := r.cfg.Engines[run.Engine]
	if r.cfg.Place == nil || run.Attempt.Count > 0 || here && j.state.PlacedFor(run.ID) {
		return nil, nil //nolint:nilnil // nothing to decide
	}
	d, err := r.cfg.Place(j.stream.Tenant, j.state.Created, run.Engine, nil)
	if err != nil {
		return nil, err
	}
	run.Engine = d.Engine
	j.state.Run = &run
	return &d, nil
}
