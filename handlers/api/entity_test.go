package api_test

import (
	"net/http"
	"testing"

	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/api"
)

// TestWorkloadIsShownWhereItCanBeSeen: a workflow has the address of what runs it, where
// its engine shows it to people.
func TestWorkloadIsShownWhereItCanBeSeen(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.create("mia@acme", `{"goal":"count","start_workflow":true}`)
	r.do(c, &workflow.AttemptRun{Run: c.Run.ID, By: "n", Attempt: 1})
	r.do(c, &workflow.ConfirmRun{Run: c.Run.ID, Workload: "pipeline 1"})
	seen := func(r *rig) any {
		var w struct{ Workload map[string]any }
		r.send("mia@acme", http.MethodGet, c.path(""), nil).want(http.StatusOK).into(&w)
		return w.Workload["url"]
	}
	if url := seen(r); url != nil {
		t.Errorf("it is seen at %v", url)
	}
	shown := r.with(func(cfg *api.Config) {
		cfg.WorkloadURL = func(_, workload string) string { return "https://ci.example.com/" + workload }
	})
	if url := seen(shown); url != "https://ci.example.com/pipeline 1" {
		t.Errorf("it is seen at %v", url)
	}
}
