package dispatch_test

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/internal/nodetest"
	"github.com/duolog/duolog/projections"
)

// counted counts the look-ups.
type counted struct {
	dispatch.Facts
	loads, done atomic.Int64
}

func (c *counted) Load(ctx context.Context, id domain.StreamID, w projections.SnapshotWant) (*projections.Snapshot, error) {
	c.loads.Add(1)
	return c.Facts.Load(ctx, id, w)
}

func (c *counted) Done(ctx context.Context, id domain.StreamID, commands []uuid.UUID) (map[uuid.UUID]projections.Done, int64, error) {
	c.done.Add(1)
	return c.Facts.Done(ctx, id, commands)
}

func counting(tb testing.TB, c *nodetest.Cluster) (*nodetest.Node, *counted) {
	tb.Helper()
	facts := &counted{}
	n := c.Start(tb, nodetest.Options{Facts: func(f dispatch.Facts) dispatch.Facts { facts.Facts = f; return facts }})
	return n, facts
}

// fresh sends a command that nobody sent before.
func fresh(t *testing.T, n *nodetest.Node, id domain.StreamID, c workflow.Command) dispatch.Result {
	t.Helper()
	r, err := n.Dispatch.Do(t.Context(), dispatch.Request{Stream: id, Workflow: c, CommandID: uuid.New(), Fresh: true, Principal: domain.Principal{User: "mia"}})
	if err != nil {
		t.Fatalf("%s: %v", c.CommandType(), err)
	}
	return r
}

// TestStepsAreNotLookedUp: once a stream is known, a step costs no look-up. One under
// a key costs that of its key, unless the stream is known from its beginning.
func TestStepsAreNotLookedUp(t *testing.T) {
	t.Parallel()
	c := nodetest.NewCluster(t)
	n, facts := counting(t, c)
	id := stream()
	fresh(t, n, id, start())
	first := checkpoint(nil, 1)
	fresh(t, n, id, first)
	parent := &first.ThreadTS
	before := facts.loads.Load()
	for i := range 5 {
		c := checkpoint(parent, i+2)
		parent = &c.ThreadTS
		if r := fresh(t, n, id, c); !r.Changed {
			t.Errorf("step %d changed nothing", i)
		}
	}
	if looked := facts.loads.Load() - before; looked != 0 {
		t.Errorf("5 steps of a known stream were looked up %d times", looked)
	}
	step := checkpoint(parent, 9)
	key := dispatch.Request{Stream: id, Workflow: step, CommandID: uuid.New()}
	for repeat, changed := range []bool{true, false, false} {
		r, err := n.Dispatch.Do(t.Context(), key)
		if err != nil || r.Changed != changed {
			t.Errorf("under a key: changed %t, %v; want %t", r.Changed, err, changed)
		}
		if done, loads := facts.done.Load(), facts.loads.Load()-before; done != 0 || loads != int64(repeat) {
			t.Errorf("%d look-ups of keys after %d repeats, and %d of the stream", done, repeat, loads)
		}
		key.Workflow = &workflow.SaveCheckpoint{ThreadTS: step.ThreadTS, ParentTS: parent, Checkpoint: step.Checkpoint, Metadata: step.Metadata}
	}
	other, seen := counting(t, c)
	later := checkpoint(&step.ThreadTS, 10)
	fresh(t, other, id, later)
	if do(t, other, id, checkpoint(&later.ThreadTS, 11)); seen.done.Load() != 1 {
		t.Errorf("%d look-ups of the key of a stream that began elsewhere", seen.done.Load())
	}
}

// TestAnOldMemoryAnswersNothing: what a node remembers of a stream is old once
// another node has written. A command that would append nothing on it is decided
// on what is there.
func TestAnOldMemoryAnswersNothing(t *testing.T) {
	t.Parallel()
	c := nodetest.NewCluster(t)
	a, b := c.Start(t, nodetest.Options{}), c.Start(t, nodetest.Options{})
	id := stream()
	set := func(n *nodetest.Node, event workflow.StatusEvent) dispatch.Result {
		return fresh(t, n, id, &workflow.UpdateStatus{Event: event})
	}
	fresh(t, a, id, start())
	set(a, "start")                       // a remembers: running
	if r := set(b, "pause"); !r.Changed { // it is paused now
		t.Fatal("pause changed nothing")
	}
	if r := set(a, "resume"); !r.Changed || r.Workflow.Status != workflow.StatusRunning {
		t.Errorf("resume of a paused workflow: changed %t, %s", r.Changed, r.Workflow.Status)
	}
	set(b, "pause")
	if r := set(a, "pause"); r.Changed || r.Workflow.Status != workflow.StatusPaused {
		t.Errorf("pause of a paused workflow: changed %t, %s", r.Changed, r.Workflow.Status)
	}
	saved := checkpoint(nil, 1)
	fresh(t, a, id, saved)
	second := checkpoint(&saved.ThreadTS, 2)
	fresh(t, b, id, second)
	r := fresh(t, a, id, &workflow.SaveCheckpoint{ThreadTS: second.ThreadTS, ParentTS: &saved.ThreadTS, Checkpoint: second.Checkpoint, Metadata: second.Metadata})
	if r.Changed {
		t.Error("a checkpoint that the other node saved was saved again")
	}
	other := json.RawMessage(`{"channel_values":{}}`)
	if r := fresh(t, a, id, &workflow.SaveCheckpoint{ThreadTS: uuid.Must(uuid.NewV7()), ParentTS: &second.ThreadTS, Checkpoint: other, Metadata: other}); !r.Changed {
		t.Error("a step over the other node's changed nothing")
	}
}

// TestNodesInTurnDoNotBeatEachOther: behind a round-robin each node finds out
// once that it is not alone with a stream, and looks from then on; when the other
// one has gone it remembers again.
func TestNodesInTurnDoNotBeatEachOther(t *testing.T) {
	t.Parallel()
	c := nodetest.NewCluster(t)
	a, facts := counting(t, c)
	nodes := []*nodetest.Node{a, c.Start(t, nodetest.Options{})}
	id := stream()
	fresh(t, a, id, start())
	var parent *uuid.UUID
	step := func(n *nodetest.Node) {
		next := checkpoint(parent, 1)
		fresh(t, n, id, next)
		parent = &next.ThreadTS
	}
	for i := range 20 {
		step(nodes[i%2])
	}
	ignored := 0
	if err := a.DB.Read.QueryRow(t.Context(), `SELECT count(*) FROM ignored`).Scan(&ignored); err != nil {
		t.Fatal(err)
	}
	if ignored > len(nodes) {
		t.Errorf("%d commits of 21 were ignored", ignored)
	}
	step(a)
	step(a)
	before := facts.loads.Load()
	step(a)
	step(a)
	if n := facts.loads.Load() - before; n != 0 {
		t.Errorf("alone again, a looked %d times", n)
	}
}
