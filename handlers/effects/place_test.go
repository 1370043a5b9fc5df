package effects_test

import (
	"slices"
	"testing"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/placement"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/effects"
	"github.com/duolog/duolog/handlers/engine"
)

// places chooses among engines that may run anything.
func places(engines ...string) func(domain.Tenant, *workflow.Created, string, []string) (placement.Decision, error) {
	return func(_ domain.Tenant, _ *workflow.Created, own string, tried []string) (placement.Decision, error) {
		offers, candidates := map[string][]placement.Ability{}, slices.Clone(engines)
		for _, e := range engines {
			offers[e] = nil
		}
		if own != "" {
			candidates = slices.Insert(slices.DeleteFunc(candidates, func(e string) bool { return e == own }), 0, own)
		}
		return placement.Choose(candidates, offers, placement.Needs{}, tried...)
	}
}

// TestE10RunGoesElsewhere: a run that was asked for on an engine that is configured no
// more goes to one that is, and the log says why.
func TestE10RunGoesElsewhere(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newEngine()
	id := w.start("gone")
	cfg := w.config(e, plain{newSurface()})
	cfg.Place = places("fake")
	w.run(cfg)
	w.until(id, "started", started)
	s := w.stateOf(id)
	if !s.PlacedFor(s.Run.ID) || s.Run.Engine != "fake" || s.Created.Engine != "gone" || s.Placement.Reason != "gone is not configured" {
		t.Errorf("%+v as %+v", s.Run, s.Placement)
	}
	if want := []string{"created", "run_requested", "engine_chosen", "run_attempted", "run_started"}; !slices.Equal(w.events(), want) {
		t.Errorf("%v", w.events())
	}
}

// TestE10NoEngineLeft: where none can take it the run fails, and says what each lacks.
func TestE10NoEngineLeft(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.start("gone")
	cfg := w.config(newEngine(), plain{newSurface()})
	cfg.Place = places()
	w.run(cfg)
	w.until(id, "finished", finished)
	end := w.stateOf(id).Run.Result
	if end.Reason != "unknown_engine" || w.text(id, end.Log) != "no engine can take the run: gone is not configured; allow the tenant another engine, or choose another flow" {
		t.Errorf("%+v: %s", end, w.text(id, end.Log))
	}
}

// TestE10FallbackAndResumeAreDecisions: what the runs after the first go on is recorded
// like that of the first, and a crash between decision and call decides once.
func TestE10FallbackAndResumeAreDecisions(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newEngine()
	id := w.start("fake")
	cfg := w.config(e, plain{newSurface()})
	other := newEngine()
	cfg.Engines["other"] = other
	cfg.Place = places("fake", "other")
	w.runUntilCrash(cfg, "effects.after_attempt")
	w.run(cfg)
	w.until(id, "started", started)
	if n := w.count("engine_chosen"); n != 1 {
		t.Errorf("%d decisions for one run: %v", n, w.events())
	}
	r, err := effects.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	end := engine.Finished{
		Tenant: id.Tenant, Workflow: id.ID, RunID: w.stateOf(id).Run.ID, Epoch: 1, Status: engine.StatusFailed, Reason: engine.ReasonNoRunner,
		Used: workflow.Compute{QueuedMS: 600_000},
	}
	if err := r.ReportFinished(t.Context(), end); err != nil {
		t.Fatal(err)
	}
	w.until(id, "started elsewhere", func(s workflow.State) bool { return s.Epoch == 2 && started(s) })
	s := w.stateOf(id)
	if s.Run.Engine != "other" || !s.PlacedFor(s.Run.ID) || s.Placement.Candidates[0].PassedOver != "has no runner free" || w.count("engine_chosen") != 2 {
		t.Errorf("%+v as %+v: %v", s.Run, s.Placement, w.events())
	}
	end.RunID, end.Epoch, end.Status, end.Reason, end.Used = s.Run.ID, 2, engine.StatusFailed, engine.ReasonExitCode, workflow.Compute{WallMS: 2000, CPUMS: 700}
	if err := r.ReportFinished(t.Context(), end); err != nil {
		t.Fatal(err)
	}
	w.must(id, &workflow.RequestRun{})
	w.until(id, "gone on", func(s workflow.State) bool { return s.Epoch == 3 && started(s) })
	s = w.stateOf(id)
	if s.Run.Engine != "fake" || !s.PlacedFor(s.Run.ID) || *s.Used != (workflow.Used{Runs: 2, QueuedMS: 600_000, WallMS: 2000, CPUMS: 700}) {
		t.Errorf("%+v as %+v used %+v", s.Run, s.Placement, s.Used)
	}
}
