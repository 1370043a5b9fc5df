package effects_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/adapter"
)

// hooks is an adapter of hooks that does what the test says.
type hooks struct {
	deduplicating

	tell func(ctx context.Context, d adapter.Delivery) adapter.Outcome

	mu   sync.Mutex
	told []adapter.Delivery
	// busy counts the calls under way, most how many they were at once.
	busy, most int
}

func (*hooks) Remote() {}

func (h *hooks) Tell(ctx context.Context, d adapter.Delivery) adapter.Outcome {
	h.mu.Lock()
	h.told = append(h.told, d)
	h.busy++
	h.most = max(h.most, h.busy)
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.busy--
	}()
	return h.tell(ctx, d)
}

// owes is a workflow that owes each hook one event and has no run.
func (w *world) owes(names ...string) domain.StreamID {
	w.t.Helper()
	id := w.start("fake")
	w.must(id, &workflow.FinishWorkload{Run: w.stateOf(id).Run.ID, Epoch: 1, Status: workflow.WorkloadSuccess})
	w.must(id, &workflow.Notify{Adapter: "webhook", Hooks: names, Event: "flow.completed", Cause: "c/0", Data: json.RawMessage(`{"type":"flow.completed"}`)})
	return id
}

func TestAHookIsToldUntilItTakesIt(t *testing.T) {
	t.Parallel()
	for name, failure := range map[string]error{"it refused": errors.New("it answered 503"), "nobody knows": adapter.ErrUnknown} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			h := &hooks{tell: func(_ context.Context, d adapter.Delivery) adapter.Outcome {
				if d.Try == 1 {
					return adapter.Outcome{Err: failure, Answer: &workflow.Answer{Target: "ci", Status: 503}, RetryIn: 20 * time.Millisecond}
				}
				return adapter.Outcome{Receipt: "204", Answer: &workflow.Answer{Target: "ci", Status: 204}}
			}}
			id := w.owes("ci")
			cfg := w.config(newEngine(), h)
			cfg.Adapters = adapter.Registry{"webhook": h}
			stop := w.run(cfg)
			w.until(id, "told", settled)
			stop()
			want := []string{
				"notification_requested", "delivery_attempted", "delivery_answered", "delivery_failed", "delivery_attempted", "delivery_answered", "delivered",
			}
			if got := w.events(); !slices.Equal(got[len(got)-len(want):], want) {
				t.Errorf("events are %v", got)
			}
			d := h.told[1]
			if len(h.told) != 2 || d.ID != h.told[0].ID || d.Hook != "ci" || d.Event != "flow.completed" || d.Kind != workflow.DeliverEvent ||
				d.Message != `{"type":"flow.completed"}` || d.Attempt != 2 || d.Definition != "developer/v1" || d.At.IsZero() {
				t.Errorf("the hook was told %+v", h.told)
			}
		})
	}
}

func TestAnAnswerGoesToTheHookTheContextNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	h := &hooks{tell: func(context.Context, adapter.Delivery) adapter.Outcome {
		return adapter.Outcome{Err: &adapter.PermanentError{Err: errors.New("it answered 410"), Reason: "gone"}}
	}}
	id, _ := w.owe(workflow.DeliverResult, "webhook/ci")
	cfg := w.config(newEngine(), h)
	cfg.Adapters = adapter.Registry{"webhook": h}
	stop := w.run(cfg)
	w.until(id, "given up", settled)
	stop()
	if d := h.told[0]; d.Hook != "ci" || d.Kind != workflow.DeliverResult || d.Message != "done" {
		t.Errorf("the hook was told %+v", d)
	}
	if last, ok := w.log[len(w.log)-1].Event.(workflow.DeliveryGivenUp); !ok || last.Reason != "gone" {
		t.Errorf("it ended with %+v", w.log[len(w.log)-1].Event)
	}
}

func TestReceiversThatHangHoldUpNoRun(t *testing.T) {
	t.Parallel()
	w, release := newWorld(t), make(chan struct{})
	h := &hooks{tell: func(ctx context.Context, d adapter.Delivery) adapter.Outcome {
		if d.Hook == "healthy" {
			return adapter.Outcome{Receipt: "204"}
		}
		select {
		case <-release:
		case <-ctx.Done():
		}
		return adapter.Outcome{Receipt: "204"}
	}}
	var owing []domain.StreamID
	for range 20 {
		owing = append(owing, w.owes("hangs"))
	}
	healthy := w.owes("healthy")
	cfg := w.config(newEngine(), h)
	cfg.Adapters, cfg.Parallel = adapter.Registry{"webhook": h}, 8
	w.run(cfg)
	w.until(healthy, "told beside the ones that hang", settled)
	id := w.start("fake")
	w.until(id, "started beside the ones that hang", started)
	close(release)
	for i, id := range owing {
		w.until(id, fmt.Sprintf("told (%d)", i), settled)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.most > 4 || len(h.told) != 21 {
		t.Errorf("%d calls, %d at once", len(h.told), h.most)
	}
}
