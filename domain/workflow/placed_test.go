package workflow_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain/placement"
	"github.com/duolog/duolog/domain/workflow"
)

func decision(engine string) *placement.Decision {
	return &placement.Decision{Engine: engine, Reason: "gitlab has no runner free", Candidates: []placement.Candidate{{Engine: "gitlab", PassedOver: "has no runner free"}, {Engine: engine}}}
}

// TestE10EngineChosen: who chose an engine says why, in the commit of what follows.
func TestE10EngineChosen(t *testing.T) {
	t.Parallel()
	s := given(t).when(start(func(c *workflow.Start) { c.Run, c.Placement = true, decision("local") }))
	first := uuid.NewSHA1(s.env.CommandID, []byte("run"))
	if len(s.out.Events) != 3 {
		t.Fatalf("%+v", s.out.Events)
	}
	if e, ok := s.out.Events[1].(workflow.EngineChosen); !ok || *e.Run != first || e.Engine != "local" || len(e.Candidates) != 2 || !s.state.PlacedFor(first) {
		t.Errorf("%+v", s.out.Events[1])
	}

	s = given(t).when(start(func(c *workflow.Start) { c.Placement = decision("local") }))
	if e, ok := s.out.Events[1].(workflow.EngineChosen); !ok || e.Run != nil || s.state.Placement == nil || s.state.PlacedFor(uuid.Nil) {
		t.Errorf("without a run: %+v", s.out.Events)
	}

	ended := workflow.WorkloadFinished{Run: run1, Epoch: 1, Status: "failed", Reason: "no_runner"}
	s = given(t, append(running(), ended)...).when(&workflow.RequestRun{Kind: workflow.RunRetry, Engine: "local", Placement: decision("local")})
	next := uuid.NewSHA1(s.env.CommandID, []byte("run"))
	s.then(
		workflow.EngineChosen{Run: &next, Decision: *decision("local")},
		workflow.RunRequested{Run: next, Epoch: 2, Engine: "local", Kind: workflow.RunRetry},
	)
	s.when(&workflow.AttemptRun{Run: next, Attempt: 1, By: "a"}).then(workflow.RunAttempted{Run: next, Attempt: 1, By: "a"})

	// A run goes where its attempt says; texts are cut to their limits.
	long := decision("elsewhere")
	long.Candidates[0].PassedOver = "\x00" + strings.Repeat("x", 2000)
	s = given(t, created(), requested(run1, 1)).when(&workflow.AttemptRun{Run: run1, Attempt: 1, By: "a", Placement: long})
	if e, ok := s.out.Events[0].(workflow.EngineChosen); !ok || e.Candidates[0].PassedOver != strings.Repeat("x", workflow.MaxShortText) {
		t.Errorf("%+v", s.out.Events)
	}
	if run := s.state.Run; run.Engine != "elsewhere" || s.state.Intents()[0].Lane != "elsewhere" || s.state.Created.Engine != "local" {
		t.Errorf("%+v", run)
	}
}

// TestE10ComputeUsed: what a run used stands with its end, and adds up, also that of
// a run that was replaced.
func TestE10ComputeUsed(t *testing.T) {
	t.Parallel()
	used := workflow.Compute{QueuedMS: 1000, WallMS: 5000, CPUMS: 300, MemoryBytes: 1 << 20, Runner: "r", Job: "job 1"}
	s := given(t, running()...).when(&workflow.FinishWorkload{Run: run1, Epoch: 1, Status: "success", Compute: &used})
	s.then(workflow.WorkloadFinished{Run: run1, Epoch: 1, Status: "success"}, workflow.ComputeUsed{Run: run1, Engine: "local", Compute: used})
	if s.state.Run.Compute == nil || *s.state.Run.Compute != used {
		t.Errorf("%+v", s.state.Run)
	}
	s.when(&workflow.FinishWorkload{Run: run1, Epoch: 1, Status: "success", Compute: &used}).then()

	s.apply(requested(run2, 2))
	other := workflow.Compute{WallMS: -7, Job: "\x00job"}
	s.when(&workflow.FinishWorkload{Run: uuid.New(), Epoch: 1, Status: "failed", Compute: &other})
	if e, ok := s.out.Events[1].(workflow.ComputeUsed); !ok || e.Engine != "" || e.Compute != (workflow.Compute{Job: "job"}) {
		t.Errorf("%+v", s.out.Events)
	}
	if *s.state.Used != (workflow.Used{Runs: 2, QueuedMS: 1000, WallMS: 5000, CPUMS: 300}) || s.state.Run.Compute != nil {
		t.Errorf("%+v of %+v", s.state.Used, s.state.Run)
	}
}
