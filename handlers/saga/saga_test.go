package saga_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"
	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/domain/conversation"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/feed"
	"github.com/duolog/duolog/handlers/saga"
	"github.com/duolog/duolog/handlers/trigger"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/answer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is what sagas read, and the commands they send.
type world struct {
	mu       sync.Mutex
	snaps    map[domain.StreamID]*projections.Snapshot
	blobs    map[value.Address][]byte
	sent     []dispatch.Request
	answer   func(n int, r dispatch.Request) error
	parked   []dispatch.Request
	parkErr  error
	said     answer.Said
	adapters map[string]bool
	restarts bool
	// refuses is why nothing may start, shuts why nobody may have anything go on.
	refuses, shuts error
	// asked is what was asked of who may.
	asked    access.Facts
	followUp workflow.FollowUpPolicy
}

func newWorld() *world {
	return &world{
		snaps: map[domain.StreamID]*projections.Snapshot{}, blobs: map[value.Address][]byte{}, adapters: map[string]bool{"console": true, "webhook/ci": true},
	}
}

func (w *world) Do(_ context.Context, r dispatch.Request) (dispatch.Result, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = append(w.sent, r)
	if w.answer == nil {
		return dispatch.Result{Changed: true}, nil
	}
	return dispatch.Result{}, w.answer(len(w.sent), r)
}

func (w *world) Load(_ context.Context, id domain.StreamID, _ projections.SnapshotWant) (*projections.Snapshot, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s, ok := w.snaps[id]; ok {
		return s, nil
	}
	return &projections.Snapshot{Stream: id, Number: -1, Messages: conversation.NewFacts(), Facts: workflow.NewFacts()}, nil
}

func (w *world) Blob(_ context.Context, _ domain.StreamID, a value.Address) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	b, ok := w.blobs[a]
	if !ok {
		return nil, fmt.Errorf("no blob %s", a)
	}
	return b, nil
}

func (w *world) Last(context.Context, domain.StreamID) (answer.Said, error) { return w.said, nil }
func (w *world) Has(name string) bool                                       { return w.adapters[name] }

// TriggerFlow lets everything start that the test does not refuse.
func (w *world) TriggerFlow(_ context.Context, a trigger.Ask) (*workflow.Start, *access.Facts, error) {
	if w.refuses != nil {
		return nil, nil, w.refuses
	}
	start := a.Start
	start.Flow, start.Engine, start.ServiceAccount = workflow.Flow{Definition: a.Message.Asked}, "local", "duo-developer"
	return &start, &w.asked, nil
}

func (w *world) MaySteer(context.Context, domain.StreamID, string) (*access.Facts, error) {
	return &w.asked, w.shuts
}

func (w *world) FollowUp(domain.Tenant) workflow.FollowUpPolicy { return w.followUp }

func (w *world) Command(_ context.Context, _ string, r dispatch.Request, _ error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.parked = append(w.parked, r)
	return w.parkErr
}

func (w *world) Restarts(context.Context, domain.StreamID, int, string) (bool, error) {
	return w.restarts, nil
}

func (w *world) core() saga.Core {
	return saga.Core{Dispatch: w, States: w, Parking: w, Restarts: w.Restarts, Logger: slog.New(slog.DiscardHandler)}
}

func (w *world) value(typ, text string) value.Value {
	m, blobs := value.Build(typ, []byte(text))
	for _, b := range blobs {
		w.blobs[b.Address] = b.Bytes
	}
	return value.Diff(m, nil)
}

// types lists the commands that were sent.
func types(sent []dispatch.Request) []string {
	var out []string
	for _, r := range sent {
		if r.Workflow != nil {
			out = append(out, r.Workflow.CommandType())
		} else {
			out = append(out, r.Conversation.CommandType())
		}
	}
	return out
}

func event(t *testing.T, id domain.StreamID, name string, data any) feed.Event {
	t.Helper()
	raw, err := json.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	return feed.Event{
		ID: "0198f000-0000-7000-8000-000000000001/0", Stream: id, Position: "3:1042", Type: name, V: 1,
		Time: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC), Data: raw,
	}
}

func refusal(code domain.Code) func(int, dispatch.Request) error {
	return func(n int, _ dispatch.Request) error {
		if n > 1 {
			return nil
		}
		return &domain.Error{Code: code, Message: "no", Fix: "do this"}
	}
}

// odd is a saga that does what the test says.
type odd struct {
	name  string
	react func(context.Context, feed.Event) error
}

func (o odd) Name() string                                  { return o.name }
func (odd) Reacts() []string                                { return []string{"workflow.created"} }
func (o odd) React(ctx context.Context, e feed.Event) error { return o.react(ctx, e) }

func TestSagasDoNotWaitForOneAnother(t *testing.T) {
	t.Parallel()
	bus := gochannel.NewGoChannel(gochannel.Config{}, watermill.NopLogger{})
	outcomes := make(chan string, 100)
	seen := make(chan string, 100)
	good := odd{"good", func(_ context.Context, e feed.Event) error { seen <- e.ID; return nil }}
	stuck := odd{"stuck", func(ctx context.Context, _ feed.Event) error {
		<-ctx.Done()
		return &domain.Error{Code: domain.CodeNotNow}
	}}
	broken := odd{"broken", func(context.Context, feed.Event) error { panic("boom") }}
	router, err := saga.NewRouter(saga.RouterConfig{
		Subscribe: func(string, func(string) bool) (message.Subscriber, error) { return bus, nil }, Topic: "events", Logger: slog.New(slog.DiscardHandler),
		Observe: func(name, outcome string) { outcomes <- name + " " + outcome },
	}, good, stuck, broken)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- router.Run(ctx) }()
	<-router.Running()
	id := domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow, ID: uuid.New()}
	for i := range 2 {
		e := event(t, id, "workflow.created", struct{}{})
		raw, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if err := bus.Publish("events", message.NewMessage(fmt.Sprintf("e-%d", i), raw)); err != nil {
			t.Fatal(err)
		}
		select {
		case got := <-seen:
			if got != fmt.Sprintf("e-%d", i) {
				t.Errorf("good saw %s", got)
			}
		case <-time.After(15 * time.Second):
			t.Fatalf("good did not see event %d", i)
		}
	}
	if err := bus.Publish("events", message.NewMessage("bad", []byte("{"))); err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"good ok": 2, "good unreadable": 1, "broken unreadable": 3}
	for len(want) > 0 {
		select {
		case got := <-outcomes:
			if want[got]--; want[got] <= 0 {
				delete(want, got)
			}
		case <-time.After(15 * time.Second):
			t.Fatalf("missing: %v", want)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := bus.Close(); err != nil {
		t.Error(err)
	}
}

// TestASagaIsToldOfItsEventsAlone: it asks for no others, so that the steps of agents
// cost sagas nothing; a version of the future, and a record without a type, are its
// handler's to judge.
func TestASagaIsToldOfItsEventsAlone(t *testing.T) {
	t.Parallel()
	var wants func(string) bool
	_, err := saga.NewRouter(saga.RouterConfig{
		Subscribe: func(_ string, w func(string) bool) (message.Subscriber, error) {
			wants = w
			return gochannel.NewGoChannel(gochannel.Config{}, watermill.NopLogger{}), nil
		}, Topic: "events", Logger: slog.New(slog.DiscardHandler),
	}, odd{"picky", func(context.Context, feed.Event) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{
		"dev.duolog.workflow.checkpointed.v1":  false,
		"dev.duolog.workflow.created_again.v1": false,
		"dev.duolog.workflow.created.v1":       true,
		"dev.duolog.workflow.created.v2":       true,
		"":                                     true,
	} {
		if wants(name) != want {
			t.Errorf("%q is wanted: %v", name, !want)
		}
	}
}
