package fleettest

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// Node is one duolog serve.
type Node struct {
	Fleet           *Fleet
	Name, API, Base string
	Proc            *Process
}

// Launch starts a binary as this node, with more environment.
func (n *Node) Launch(binary string, env ...string) {
	n.Fleet.TB.Helper()
	n.Proc = Launch(n.Fleet.TB, n.Fleet.Dir, env, binary, "serve", "--config", n.Fleet.Config,
		"--state-dir", filepath.Join(n.Fleet.Dir, n.Name), "--node-id", n.Name, "--listen", n.API, "--public-url", n.Base)
}

// Start starts the process and waits until it serves.
func (n *Node) Start() {
	n.Fleet.TB.Helper()
	n.Launch(Duolog(n.Fleet.TB))
	Eventually(n.Fleet.TB, 30*time.Second, func() error {
		if !n.Proc.Alive() {
			return FinalError{errors.New(n.Name + " ended: " + n.Proc.Err.String())}
		}
		return Answers("http://" + n.API + "/readyz")
	})
}

// Of is the one workflow with a goal.
func (n *Node) Of(goal string) WorkflowView {
	n.Fleet.TB.Helper()
	list := Decode[[]WorkflowView](n.Fleet.TB, n.Fleet.User(n.Base).Get(n.Fleet.TB, "/workflows?per_page=100"))
	var found []WorkflowView
	for _, w := range list {
		if w.Goal == goal {
			found = append(found, w)
		}
	}
	if len(found) != 1 {
		n.Fleet.TB.Fatalf("%d workflows have the goal %q, want 1", len(found), goal)
	}
	return found[0]
}

// Timeline is the history of a workflow as this node shows it.
func (n *Node) Timeline(id string) Timeline {
	n.Fleet.TB.Helper()
	return TimelineOf(n.Fleet.TB, n.Fleet.User(n.Base), id)
}

// Awaits waits for an event of a workflow.
func (n *Node) Awaits(id, event string) {
	n.Fleet.TB.Helper()
	Eventually(n.Fleet.TB, 20*time.Second, func() error {
		if l := n.Timeline(id); l.Count(event) == 0 {
			return errors.New(fmt.Sprint("no ", event, " in ", l.Types()))
		}
		return nil
	})
}
