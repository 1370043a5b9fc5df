package effects_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/adapter"
	"github.com/duolog/duolog/handlers/adapter/console"
	"github.com/duolog/duolog/handlers/effects"
	"github.com/duolog/duolog/handlers/engine"
)

func newSurface() *surface { return &surface{posts: map[uuid.UUID]int{}} }

func started(s workflow.State) bool  { return s.Run.Phase == workflow.RunPhaseStarted }
func finished(s workflow.State) bool { return s.Run.Phase == workflow.RunPhaseFinished }
func settled(s workflow.State) bool  { return len(s.Deliveries) == 0 }

func TestRunIsStartedOnceWithItsEnvironment(t *testing.T) {
	t.Parallel()
	w, e, s := newWorld(t), newEngine(), newSurface()
	id := w.start("fake")
	w.run(w.config(e, deduplicating{plain{s}}))
	w.until(id, "started", started)
	if want := []string{"created", "run_requested", "run_attempted", "run_started"}; !slices.Equal(w.events(), want) {
		t.Errorf("events are %v, want %v", w.events(), want)
	}
	run := w.stateOf(id).Run
	got := e.started[run.ID]
	if got.Mode != engine.ModeStart || got.Epoch != 1 || got.Number != 1003 || got.Env["DUO_WORKFLOW_GOAL"] != "fix the pipeline" ||
		got.Env["DUOLOG_TOKEN"] != "token-1-mia-duo-developer" {
		t.Errorf("the engine got %+v", got)
	}
	if run.Workload != "pid "+run.ID.String()[:4] {
		t.Errorf("the workload is %q", run.Workload)
	}
}

func TestResumedRunGoesOnWithItsMessage(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newEngine()
	id := w.start("fake")
	w.run(w.config(e, plain{newSurface()}))
	w.until(id, "started", started)
	w.must(id, &workflow.UpdateStatus{Event: workflow.EventStart})
	w.must(id, &workflow.UpdateStatus{Event: workflow.EventRequireInput})
	w.must(id, &workflow.FinishWorkload{Run: w.stateOf(id).Run.ID, Epoch: 1, Status: workflow.WorkloadSuccess})
	w.must(id, &workflow.ReceiveMessage{MessageID: "2", Author: "mia", Text: "yes, go on"})
	w.until(id, "resumed", func(s workflow.State) bool { return s.Epoch == 2 && started(s) })
	e.mu.Lock()
	defer e.mu.Unlock()
	got := e.started[w.stateOf(id).Run.ID]
	if got.Mode != engine.ModeResume || got.Env["DUO_WORKFLOW_GOAL"] != "yes, go on" {
		t.Errorf("the engine got %+v", got)
	}
}

func TestEnginesThatDoNotStart(t *testing.T) {
	t.Parallel()
	refusal := &domain.Error{Code: domain.CodeInvalidField, Message: "no runner has that tag", Fix: "tag one"}
	own := &engine.RefusedError{Reason: engine.ReasonComposite, Err: refusal}
	for name, c := range map[string]struct {
		engine string
		err    func(int) error
		reason string
		calls  int
	}{
		"unknown engine":                  {engine: "ci", reason: "unknown_engine"},
		"refused":                         {engine: "fake", err: func(int) error { return refusal }, reason: engine.ReasonStartFailed, calls: 1},
		"refused for a reason of its own": {engine: "fake", err: func(int) error { return own }, reason: engine.ReasonComposite, calls: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, e := newWorld(t), newEngine()
			e.startErr = c.err
			id := w.start(c.engine)
			w.run(w.config(e, plain{newSurface()}))
			w.until(id, "finished", finished)
			result := w.stateOf(id).Run.Result
			if result.Status != workflow.WorkloadFailed || result.Reason != c.reason || result.Log == nil {
				t.Errorf("ended as %+v", result)
			}
			if said := w.text(id, result.Log); c.calls > 0 && said != "no runner has that tag; tag one" {
				t.Errorf("people read %q", said)
			}
			if _, calls := e.counts(); calls != c.calls {
				t.Errorf("%d calls, want %d", calls, c.calls)
			}
		})
	}
}

func TestStartWithoutAnAnswerIsLookedUp(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newEngine()
	e.startErr = func(calls int) error {
		if calls == 1 {
			return errors.New("connection reset")
		}
		return nil
	}
	id := w.start("fake")
	w.run(w.config(e, plain{newSurface()}))
	w.until(id, "started", started)
	if n := w.count("run_attempted"); n != 2 {
		t.Errorf("%d attempts, want 2: %v", n, w.events())
	}
}

func TestStop(t *testing.T) {
	t.Parallel()
	for name, forgets := range map[string]bool{"a running workload": false, "a workload its engine forgot": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, e := newWorld(t), newEngine()
			id := w.start("fake")
			w.run(w.config(e, plain{newSurface()}))
			w.until(id, "started", started)
			e.mu.Lock()
			e.forgets = forgets
			e.mu.Unlock()
			w.must(id, &workflow.UpdateStatus{Event: workflow.EventStop, Reason: "enough"})
			w.until(id, "stop attempted", func(s workflow.State) bool {
				return finished(s) || s.Run.Stop != nil && s.Run.Stop.Attempt.Open
			})
			if forgets {
				w.until(id, "finished", finished)
				return
			}
			r, err := effects.New(w.config(e, plain{newSurface()}))
			if err != nil {
				t.Fatal(err)
			}
			run := w.stateOf(id).Run
			end := engine.Finished{Tenant: id.Tenant, Workflow: id.ID, RunID: run.ID, Epoch: 1, Status: engine.StatusStopped, Reason: engine.ReasonStopped}
			for range 2 {
				if err := r.ReportFinished(t.Context(), end); err != nil {
					t.Fatal(err)
				}
			}
			if n := w.count("workload_finished"); n != 1 || len(w.stateOf(id).Intents()) != 0 {
				t.Errorf("%d ends; owed %v", n, w.stateOf(id).Intents())
			}
			if n := w.count("stop_attempted"); n != 1 {
				t.Errorf("asked %d times to stop", n)
			}
		})
	}
}

func TestDeliveryCallsTheHooks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kind workflow.DeliveryKind
		want []string
	}{
		"a result":   {workflow.DeliverResult, []string{"result", "completed"}},
		"an error":   {workflow.DeliverError, []string{"failed"}},
		"a question": {workflow.DeliverQuestion, []string{"result"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, s := newWorld(t), newSurface()
			id, delivery := w.owe(c.kind, "surface")
			stop := w.run(w.config(newEngine(), deduplicating{plain{s}}))
			w.until(id, "delivered", settled)
			stop()
			if diff := cmp.Diff(c.want, s.said); diff != "" {
				t.Error(diff)
			}
			d := s.last
			if d.ID != delivery || d.Attempt != 1 || d.Message != "done" || string(d.Context) != `{"adapter":"surface","thread":"7"}` || d.Number != 1003 {
				t.Errorf("the surface got %+v", d)
			}
		})
	}
}

func TestFlowStartedIsToldOnce(t *testing.T) {
	t.Parallel()
	w, s := newWorld(t), newSurface()
	id := w.start("fake")
	stop := w.run(w.config(newEngine(), deduplicating{plain{s}}))
	w.until(id, "started", started)
	stop()
	if !slices.Equal(s.said, []string{"started"}) {
		t.Errorf("the surface was told %v", s.said)
	}
}

func TestDeliveryThatFails(t *testing.T) {
	t.Parallel()
	permanent := &adapter.PermanentError{Err: errors.New("the channel is archived")}
	for name, c := range map[string]struct {
		adapter string
		make    func(*surface) adapter.Adapter
		err     error
		until   func(workflow.State) bool
		events  []string
	}{
		"for good": {
			"surface", func(s *surface) adapter.Adapter { return plain{s} }, permanent, settled,
			[]string{"delivery_attempted", "delivery_failed", "delivery_given_up"},
		},
		"for now": {
			"surface", func(s *surface) adapter.Adapter { return plain{s} }, errors.New("503"),
			func(s workflow.State) bool { return s.Deliveries[0].LastError == "503" },
			[]string{"delivery_attempted", "delivery_failed"},
		},
		"without an answer, de-duplicated": {
			"surface", func(s *surface) adapter.Adapter { return deduplicating{plain{s}} }, adapter.ErrUnknown,
			func(s workflow.State) bool { return s.Deliveries[0].LastError != "" },
			[]string{"delivery_attempted", "delivery_failed"},
		},
		"without an answer, left": {
			"surface", func(s *surface) adapter.Adapter { return plain{s} }, context.DeadlineExceeded,
			func(s workflow.State) bool { return s.Deliveries[0].Attempt.Open },
			[]string{"delivery_attempted"},
		},
		"without an adapter": {
			"fax", func(s *surface) adapter.Adapter { return plain{s} }, nil, settled,
			[]string{"delivery_attempted", "delivery_failed", "delivery_given_up"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, s := newWorld(t), newSurface()
			s.fail = func(int) error { return c.err }
			id, _ := w.owe(workflow.DeliverResult, c.adapter)
			before := len(w.events())
			stop := w.run(w.config(newEngine(), c.make(s)))
			w.until(id, "failed", c.until)
			stop()
			if diff := cmp.Diff(c.events, w.events()[before:]); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestConsoleReceiptDependsOnTheDeliveryAlone(t *testing.T) {
	t.Parallel()
	d := adapter.Delivery{ID: uuid.MustParse("01234567-89ab-7cde-8f01-23456789abcd"), Kind: workflow.DeliverResult}
	for range 2 {
		out := adapter.Send(t.Context(), console.Adapter{}, d)
		if out.Receipt != "console:01234567" || out.Err != nil || out.Hook != nil {
			t.Errorf("%+v", out)
		}
	}
}

func TestLostRunIsRestartedThreeTimesInARow(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newEngine()
	cfg := w.config(e, plain{newSurface()})
	cfg.OnLost = effects.OnLostRestart
	id := w.start("fake")
	w.run(cfg)
	r, err := effects.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for epoch := 1; epoch <= 4; epoch++ {
		w.until(id, "started", func(s workflow.State) bool { return s.Epoch == epoch && started(s) })
		end := engine.Finished{
			Tenant: id.Tenant, Workflow: id.ID, RunID: w.stateOf(id).Run.ID, Epoch: epoch,
			Status: engine.StatusFailed, Reason: engine.ReasonLost,
		}
		for range 2 {
			if err := r.ReportFinished(t.Context(), end); err != nil {
				t.Fatal(err)
			}
			again, err := r.Restarts(t.Context(), id, epoch, engine.ReasonLost)
			if err != nil || again != (epoch < 4) {
				t.Fatalf("epoch %d: restarts %t, %v", epoch, again, err)
			}
		}
	}
	if n := w.count("run_requested"); n != 4 {
		t.Errorf("%d runs, want 4", n)
	}
}

func TestEndOfAnUnknownWorkflowIsTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, err := effects.New(w.config(newEngine(), plain{newSurface()}))
	if err != nil {
		t.Fatal(err)
	}
	f := engine.Finished{Tenant: "acme", Workflow: uuid.New(), RunID: uuid.New(), Epoch: 1, Status: engine.StatusSuccess}
	if err := r.ReportFinished(t.Context(), f); err != nil {
		t.Errorf("an unknown workflow: %v", err)
	}
	w.refuse = func(string) error { return &domain.Error{Code: domain.CodeNotNow} }
	if err := r.ReportFinished(t.Context(), f); domain.CodeOf(err) != domain.CodeNotNow {
		t.Errorf("no verdict: %v", err)
	}
}

func TestManyWorkflowsShareTheRoom(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newEngine()
	cfg := w.config(e, plain{newSurface()})
	cfg.Parallel, cfg.Poll = 2, time.Hour
	var ids []domain.StreamID
	for range 20 {
		ids = append(ids, w.start("fake"))
	}
	w.run(cfg)
	for _, id := range ids {
		w.until(id, "started", started)
	}
}
