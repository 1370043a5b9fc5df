package effects_test

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/effects"
	"github.com/duolog/duolog/handlers/engine"
)

// boundEngine is an engine whose workloads only its own node knows.
type boundEngine struct{ *fakeEngine }

func (boundEngine) NodeBound() {}

// slowEngine takes its time before there is any trace of the run.
type slowEngine struct {
	boundEngine

	wait func()
}

func (e slowEngine) Start(ctx context.Context, s engine.Start) (engine.Workload, error) {
	e.wait()
	return e.boundEngine.Start(ctx, s)
}

// onNode is a runner on a node with a bound engine of its own.
func (w *world) onNode(node string, e *fakeEngine) effects.Config {
	cfg := w.config(e, plain{newSurface()})
	cfg.Instance = node + "/1"
	cfg.Engines = map[string]effects.Engine{"fake": boundEngine{e}}
	return cfg
}

func (w *world) runHome(cfg effects.Config) {
	w.t.Helper()
	r, err := effects.New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.RunHome(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Errorf("run home: %v", err)
		}
	})
}

// TestOpenAttemptIsResolvedOnItsNode: node a dies after it called its engine;
// node b, which owns the partition now, must not start the run a second time.
func TestOpenAttemptIsResolvedOnItsNode(t *testing.T) {
	t.Parallel()
	w, a, b := newWorld(t), newEngine(), newEngine()
	id := w.start("fake")
	w.runUntilCrash(w.onNode("a", a), "effects.after_call")
	w.run(w.onNode("b", b))
	again := w.onNode("a", a)
	again.Instance = "a/2"
	w.runHome(again)
	w.until(id, "started", started)
	if workloads, calls := b.counts(); workloads != 0 || calls != 0 {
		t.Errorf("the other node started %d workloads with %d calls", workloads, calls)
	}
	if workloads, _ := a.counts(); workloads != 1 {
		t.Errorf("%d workloads on the run's node", workloads)
	}
}

// TestAttemptInFlightIsNotOpen: while the partition's loop calls the engine, the
// loop of the node sees the attempt; it must not take it for one whose outcome
// is unknown.
func TestAttemptInFlightIsNotOpen(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newEngine()
	cfg := w.onNode("a", e)
	cfg.Engines = map[string]effects.Engine{"fake": slowEngine{boundEngine{e}, func() {
		for before := w.looks.Load(); w.looks.Load() < before+3; {
			runtime.Gosched()
		}
	}}}
	r, err := effects.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var loops sync.WaitGroup
	defer loops.Wait()
	loops.Go(func() { _ = r.Run(ctx, 0) })
	loops.Go(func() { _ = r.RunHome(ctx) })
	id := w.start("fake")
	w.until(id, "started", started)
	if n := w.count("run_attempted"); n != 1 {
		t.Errorf("the run was attempted %d times: %v", n, w.events())
	}
	cancel()
}

// TestStopReachesTheNodeOfTheRun: the partition is another node's, the run is
// stopped where it is.
func TestStopReachesTheNodeOfTheRun(t *testing.T) {
	t.Parallel()
	w, a, b := newWorld(t), newEngine(), newEngine()
	id := w.start("fake")
	stop := w.run(w.onNode("a", a))
	w.until(id, "started", started)
	stop()
	w.run(w.onNode("b", b))
	w.runHome(w.onNode("a", a))
	w.must(id, &workflow.UpdateStatus{Event: workflow.EventStop})
	w.until(id, "asked to stop", func(s workflow.State) bool { return s.Run.Stop.Attempt.Count > 0 })
	if by := w.stateOf(id).Run.Stop.Attempt.By; by != "a/1" {
		t.Errorf("%s asked the engine to stop", by)
	}
}

// TestRunOfAMissingNodeIsLost: the run ends with a reason, and by policy
// another one goes on, on a node that lives.
func TestRunOfAMissingNodeIsLost(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{effects.OnLostFail, effects.OnLostRestart} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			w, a, b := newWorld(t), newEngine(), newEngine()
			id := w.start("fake")
			stop := w.run(w.onNode("a", a))
			w.until(id, "started", started)
			stop()
			w.mu.Lock()
			w.gone = []string{"a"}
			w.mu.Unlock()
			cfg := w.onNode("b", b)
			cfg.OnLost, cfg.Missing = policy, 20*time.Millisecond
			w.run(cfg)
			if policy == effects.OnLostFail {
				w.until(id, "lost", func(s workflow.State) bool { return s.Run.Result != nil && s.Run.Result.Reason == "lost" })
				return
			}
			w.until(id, "started anew", func(s workflow.State) bool { return s.Epoch == 2 && s.Run.Phase == workflow.RunPhaseStarted })
			if workloads, _ := b.counts(); workloads != 1 {
				t.Errorf("%d workloads on the living node", workloads)
			}
		})
	}
}
