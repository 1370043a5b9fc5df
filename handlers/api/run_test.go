package api_test

import (
	"net/url"
	"testing"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/placement"
	"github.com/duolog/duolog/domain/workflow"
)

// TestE10IsShown: a workflow shows why it has its engine and what its runs used, and a
// page of the past shows what was known then.
func TestE10IsShown(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.create("mia@acme", map[string]any{"goal": "go", "start_workflow": true})
	r.do(c, &workflow.AttemptRun{Run: c.Run.ID, By: "n", Attempt: 1, Placement: &placement.Decision{
		Engine: "other", Reason: "local is not configured", Candidates: []placement.Candidate{{Engine: "local", PassedOver: "is not configured"}, {Engine: "other"}},
	}})
	r.do(c, &workflow.FinishWorkload{Run: c.Run.ID, Epoch: 1, Status: workflow.WorkloadFailed, Reason: "exit_code", Compute: &workflow.Compute{WallMS: 2000, CPUMS: 300, Job: "job 12"}})
	type view struct {
		Run struct {
			Engine  string
			Compute *workflow.Compute
		}
		Placement workflow.EngineChosen
		Compute   *workflow.Used
	}
	var now view
	r.send("mia@acme", "GET", c.path(""), nil).want(200).into(&now)
	if now.Run.Engine != "other" || now.Placement.Reason != "local is not configured" || *now.Placement.Run != c.Run.ID || len(now.Placement.Candidates) != 2 {
		t.Errorf("it is placed %+v, run %+v", now.Placement, now.Run)
	}
	if now.Run.Compute == nil || now.Run.Compute.Job != "job 12" || now.Compute == nil || *now.Compute != (workflow.Used{Runs: 1, WallMS: 2000, CPUMS: 300}) {
		t.Errorf("it used %+v, in all %+v", now.Run.Compute, now.Compute)
	}
	at := r.commitsOf(domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow, ID: c.UUID})
	var then struct{ Workflow view }
	r.send("mia@acme", "GET", c.path("/as_of?at="+url.QueryEscape(at[0].Token(r.cfg.Log))), nil).want(200).into(&then)
	if p := then.Workflow; p.Run.Engine != "local" || p.Run.Compute != nil || p.Compute != nil || p.Placement.Engine != "local" || *p.Placement.Run == uuid.Nil {
		t.Errorf("at first it was %+v", p)
	}
}
