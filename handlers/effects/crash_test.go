package effects_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/adapter"
	"github.com/duolog/duolog/handlers/effects"
	"github.com/duolog/duolog/projections/queries/intents"
)

// runUntilCrash works the effects in an instance that dies at a point: what it
// was doing ends there, and it does nothing more.
func (w *world) runUntilCrash(cfg effects.Config, point string) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	crashed := make(chan struct{})
	die := sync.OnceFunc(func() { cancel(); close(crashed) })
	cfg.Point = func(at string) {
		if at == point {
			die()
			runtime.Goexit()
		}
	}
	r, err := effects.New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := r.Run(ctx, 0); err != nil {
		w.t.Errorf("run: %v", err)
	}
	<-crashed
}

func points() []string {
	return []string{"effects.before_attempt", "effects.after_attempt", "effects.after_call", "effects.after_outcome"}
}

func TestCrashAtEachPointStartsTheRunOnce(t *testing.T) {
	t.Parallel()
	for _, point := range points() {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			w, e := newWorld(t), newEngine()
			id := w.start("fake")
			w.runUntilCrash(w.config(e, plain{newSurface()}), point)
			w.run(w.config(e, plain{newSurface()}))
			w.until(id, "started", started)
			if workloads, calls := e.counts(); workloads != 1 || calls != 1 {
				t.Errorf("%d workloads, %d calls, want one: %v", workloads, calls, w.events())
			}
			if n := w.count("run_started"); n != 1 {
				t.Errorf("started %d times in the log", n)
			}
		})
	}
}

func TestCrashAtEachPointDeliversOnce(t *testing.T) {
	t.Parallel()
	kinds := map[string]func(*surface) adapter.Adapter{
		"de-duplicated": func(s *surface) adapter.Adapter { s.dedup = true; return deduplicating{plain{s}} },
		"looked up":     func(s *surface) adapter.Adapter { return lookup{plain{s}} },
		"by hand":       func(s *surface) adapter.Adapter { return plain{s} },
	}
	for _, point := range points() {
		for name, make := range kinds {
			t.Run(fmt.Sprintf("%s, %s", point, name), func(t *testing.T) {
				t.Parallel()
				w, s := newWorld(t), newSurface()
				id, delivery := w.owe(workflow.DeliverResult, "surface")
				a := make(s)
				w.runUntilCrash(w.config(newEngine(), a), point)
				stop := w.run(w.config(newEngine(), a))
				switch {
				case name == "by hand" && (point == "effects.after_attempt" || point == "effects.after_call"):
					w.staysOpen(id, delivery)
				default:
					w.until(id, "delivered", settled)
					if n := w.count("delivered"); n != 1 || s.shown(delivery) != 1 {
						t.Errorf("delivered %d times, shown %d times", n, s.shown(delivery))
					}
				}
				stop()
				if s.shown(delivery) > 1 {
					t.Errorf("shown %d times", s.shown(delivery))
				}
			})
		}
	}
}

// staysOpen shows that nobody touches a delivery while another one, asked for
// later, is made.
func (w *world) staysOpen(id domain.StreamID, delivery uuid.UUID) {
	w.t.Helper()
	for range 3 {
		other, _ := w.owe(workflow.DeliverResult, "surface")
		w.until(other, "delivered", settled)
	}
	d, owed := w.stateOf(id).Delivery(delivery)
	if !owed || !d.Attempt.Open || d.Attempt.Count != 1 {
		w.t.Errorf("the delivery is %+v, owed %t", d, owed)
	}
}

func TestCrashOfAStop(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newEngine()
	id := w.start("fake")
	stop := w.run(w.config(e, plain{newSurface()}))
	w.until(id, "started", started)
	stop()
	w.must(id, &workflow.UpdateStatus{Event: workflow.EventStop})
	w.runUntilCrash(w.config(e, plain{newSurface()}), "effects.before_attempt")
	w.run(w.config(e, plain{newSurface()}))
	w.until(id, "asked to stop", func(s workflow.State) bool { return s.Run.Stop.Attempt.Open })
}

func TestTwoInstancesNeverShareAnAttempt(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newEngine()
	var ids []domain.StreamID
	for range 30 {
		ids = append(ids, w.start("fake"))
	}
	cfg := w.config(e, plain{newSurface()})
	other := w.config(e, plain{newSurface()})
	cfg.TakeOverRun, other.TakeOverRun = 1<<40, 1<<40
	w.run(cfg)
	w.run(other)
	for _, id := range ids {
		w.until(id, "started", started)
	}
	if workloads, calls := e.counts(); workloads != 30 || calls != 30 {
		t.Errorf("%d workloads, %d calls", workloads, calls)
	}
}

// TestAStartIsNotTakenOverWhileItMayBeMade: one instance is held up between its claim
// and its call. Another, for which it is still the time of that call, leaves the attempt
// alone: it would find nothing, start the run, and the first would start it again once
// it has ended.
func TestAStartIsNotTakenOverWhileItMayBeMade(t *testing.T) {
	t.Parallel()
	w, e := newWorld(t), newEngine()
	id := w.start("fake")
	w.runUntilCrash(w.config(e, plain{newSurface()}), "effects.after_attempt")

	var ahead, looks atomic.Int64
	other := w.config(e, plain{newSurface()})
	other.TakeOverRun, other.Intents = 0, looked{w, &looks}
	other.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	ahead.Store(int64(30 * time.Second))
	w.run(other)
	for looks.Load() < 3 {
		runtime.Gosched()
	}
	if _, calls := e.counts(); calls != 0 {
		t.Errorf("the run was started %d times", calls)
	}
	ahead.Store(int64(time.Minute))
	w.until(id, "started", started)
}

// looked counts how often intents were looked for.
type looked struct {
	*world

	looks *atomic.Int64
}

func (l looked) Due(ctx context.Context, partition int32, before time.Time, after *intents.Intent, limit int) ([]intents.Intent, error) {
	defer l.looks.Add(1)
	return l.world.Due(ctx, partition, before, after, limit)
}
