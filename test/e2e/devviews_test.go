package e2e_test

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/duolog/duolog/internal/fleettest"
)

type connection struct {
	API      string   `json:"api"`
	Brokers  []string `json:"brokers"`
	Database string   `json:"database"`
}

func (d *dev) connection() connection {
	d.tb.Helper()
	return fleettest.Decode[connection](d.tb, fleettest.Read(d.tb, d.state, "connection.json"))
}

// user is the one dev makes a token for.
func (d *dev) user() *fleettest.User {
	d.tb.Helper()
	return fleettest.NewUser(d.tb, "http://"+d.api, strings.TrimSpace(fleettest.Read(d.tb, d.state, "token")))
}

func (d *dev) timeline(id string) fleettest.Timeline {
	d.tb.Helper()
	return fleettest.DecodeLines[fleettest.Event](d.tb, d.must("workflow", "timeline", id, "--json"))
}

// of lists the workflows with a goal.
func (d *dev) of(goal string) []fleettest.WorkflowView {
	d.tb.Helper()
	var out []fleettest.WorkflowView
	for _, w := range fleettest.Decode[[]fleettest.WorkflowView](d.tb, d.must("workflow", "list", "--per-page", "100", "--json")) {
		if w.Goal == goal {
			out = append(out, w)
		}
	}
	return out
}

// only is the one workflow with a goal.
func (d *dev) only(goal string) fleettest.WorkflowView {
	d.tb.Helper()
	found := d.of(goal)
	if len(found) != 1 {
		d.tb.Fatalf("%d workflows have the goal %q, want 1", len(found), goal)
	}
	return found[0]
}

// awaits waits for an event of the workflow with that goal.
func (d *dev) awaits(goal, event string) {
	d.tb.Helper()
	w := d.only(goal)
	fleettest.Eventually(d.tb, 20*time.Second, func() error {
		if l := d.timeline(w.UUID.String()); l.Count(event) == 0 {
			return fmt.Errorf("no %s in %v", event, l.Types())
		}
		return nil
	})
}

func (d *dev) runs() []fleettest.EngineRun { return fleettest.RunsIn(d.state) }

// running waits for the one run that is not over, and its program.
func (d *dev) running() fleettest.EngineRun {
	d.tb.Helper()
	var found fleettest.EngineRun
	fleettest.Eventually(d.tb, 20*time.Second, func() error {
		for _, r := range d.runs() {
			if !r.Over && r.Program > 0 {
				found = r
				return nil
			}
		}
		return errors.New("no program runs")
	})
	return found
}
