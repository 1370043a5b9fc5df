package effects_test

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/adapter"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/effects"
	"github.com/duolog/duolog/handlers/effects/stored"
	"github.com/duolog/duolog/handlers/engine"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/intents"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is the log and its read models in memory: real decisions, no brokers.
type world struct {
	t *testing.T

	mu      sync.Mutex
	state   map[domain.StreamID]workflow.State
	blobs   map[value.Address][]byte
	done    map[uuid.UUID]projections.Done
	log     []workflow.Recorded
	changed chan struct{}
	// gone are the nodes that do not live any more.
	gone []string
	// looks counts how often a node looked for what its runs owe.
	looks atomic.Int64
	// refuse fails commands of a type; nil for none.
	refuse func(commandType string) error
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return &world{
		t: t, state: map[domain.StreamID]workflow.State{}, blobs: map[value.Address][]byte{},
		done: map[uuid.UUID]projections.Done{}, changed: make(chan struct{}),
	}
}

func (w *world) Do(ctx context.Context, req dispatch.Request) (dispatch.Result, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return dispatch.Result{}, &domain.Error{Code: domain.CodeNotNow, Err: err}
	}
	if w.refuse != nil {
		if err := w.refuse(req.Workflow.CommandType()); err != nil {
			return dispatch.Result{}, err
		}
	}
	s := w.state[req.Stream]
	if _, done := w.done[req.CommandID]; done {
		return dispatch.Result{Stream: req.Stream, Workflow: s}, nil
	}
	now := time.Now().UTC()
	out, err := req.Workflow.Decide(s, workflow.NewFacts(), workflow.Env{CommandID: req.CommandID, Workflow: req.Stream.ID, Now: now, Principal: req.Principal})
	if err != nil {
		return dispatch.Result{}, err
	}
	for _, e := range out.Events {
		r := workflow.Recorded{Event: e, Time: now, Principal: req.Principal}
		if s, err = workflow.Apply(s, r); err != nil {
			w.t.Errorf("apply %s: %v", e.EventType(), err)
		}
		w.log = append(w.log, r)
	}
	for _, b := range out.Blobs {
		w.blobs[b.Address] = b.Bytes
	}
	w.state[req.Stream] = s
	if len(out.Events) > 0 {
		w.done[req.CommandID] = projections.Done{}
		close(w.changed)
		w.changed = make(chan struct{})
	}
	return dispatch.Result{Stream: req.Stream, Workflow: s, Changed: len(out.Events) > 0}, nil
}

func (w *world) Load(_ context.Context, id domain.StreamID, want projections.SnapshotWant) (*projections.Snapshot, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	snap := &projections.Snapshot{Stream: id, Number: 1003, Workflow: w.state[id], Done: map[uuid.UUID]projections.Done{}}
	for _, c := range want.Commands {
		if d, ok := w.done[c]; ok {
			snap.Done[c] = d
		}
	}
	return snap, nil
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

func (w *world) Due(ctx context.Context, _ int32, before time.Time, _ *intents.Intent, _ int) ([]intents.Intent, error) {
	return w.owed(ctx, before, func(intents.Intent) bool { return true })
}

func (w *world) DueAt(ctx context.Context, node string, before time.Time, _ *intents.Intent, _ int) ([]intents.Intent, error) {
	w.looks.Add(1)
	return w.owed(ctx, before, func(in intents.Intent) bool { return in.Home != "" && in.Home == node })
}

// Active lists the workflows that have a run on these engines.
func (w *world) Active(_ context.Context, _ int32, engines []string, _ string, _ int) ([]domain.StreamID, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []domain.StreamID
	for stream, s := range w.state {
		if run := s.ActiveRun(); run != nil && slices.Contains(engines, run.Engine) {
			out = append(out, stream)
		}
	}
	return out, nil
}

// Orphans lists the active runs of nodes that the test calls gone.
func (w *world) Orphans(_ context.Context, _ int32, engines []string, _ time.Duration) ([]intents.Orphan, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []intents.Orphan
	for stream, s := range w.state {
		run := s.ActiveRun()
		if run == nil || !slices.Contains(engines, run.Engine) {
			continue
		}
		if node := workflow.NodeOf(run.Attempt.By); node != "" && slices.Contains(w.gone, node) {
			out = append(out, intents.Orphan{Stream: stream, Run: run.ID, Node: node})
		}
	}
	return out, nil
}

func (w *world) owed(ctx context.Context, before time.Time, which func(intents.Intent) bool) ([]intents.Intent, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []intents.Intent
	for stream, s := range w.state {
		for _, i := range s.Intents() {
			in := intents.Intent{
				Stream: stream, Kind: i.Kind, ID: i.ID, Due: i.Due,
				Attempt: i.Attempt.Count, Open: i.Attempt.Open, By: i.Attempt.By, Lane: i.Lane, Home: workflow.NodeOf(i.Home),
			}
			if !i.Due.After(before) && which(in) {
				out = append(out, in)
			}
		}
	}
	slices.SortFunc(out, func(a, b intents.Intent) int { return cmp.Compare(a.Due.UnixNano(), b.Due.UnixNano()) })
	return out, ctx.Err()
}

func (w *world) Owes(int32) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changed
}

// text is what a value of an event says.
func (w *world) text(id domain.StreamID, v *value.Value) string {
	w.t.Helper()
	b, err := stored.Bytes(w.t.Context(), w, id, v)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(b)
}

// events lists what happened, by type.
func (w *world) events() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for _, r := range w.log {
		out = append(out, r.Event.EventType()[len("workflow."):])
	}
	return out
}

func (w *world) count(event string) int {
	n := 0
	for _, e := range w.events() {
		if e == event {
			n++
		}
	}
	return n
}

func (w *world) stateOf(id domain.StreamID) workflow.State {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state[id]
}

// until waits for the state of a stream.
func (w *world) until(id domain.StreamID, what string, ok func(workflow.State) bool) {
	w.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		changed := w.Owes(0)
		if ok(w.stateOf(id)) {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			w.t.Fatalf("never %s; events: %v", what, w.events())
		}
	}
}

func (w *world) must(id domain.StreamID, c workflow.Command) dispatch.Result {
	w.t.Helper()
	r, err := w.Do(w.t.Context(), dispatch.Request{Stream: id, Workflow: c, CommandID: uuid.New(), Principal: domain.Principal{User: "mia"}})
	if err != nil {
		w.t.Fatalf("%s: %v", c.CommandType(), err)
	}
	return r
}

func (w *world) start(engineName string) domain.StreamID {
	w.t.Helper()
	id := domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow, ID: uuid.Must(uuid.NewV7())}
	w.must(id, &workflow.Start{
		Goal: "fix the pipeline", Flow: workflow.Flow{Definition: "developer/v1"}, Engine: engineName, Run: true,
		ServiceAccount: "duo-developer", Trigger: workflow.Trigger{Source: "message"},
		CallbackContext: []byte(`{"adapter":"surface","thread":"7"}`),
	})
	return id
}

// owe makes a workflow that owes an answer and nothing else.
func (w *world) owe(kind workflow.DeliveryKind, adapterName string) (domain.StreamID, uuid.UUID) {
	w.t.Helper()
	id := w.start("fake")
	run := w.stateOf(id).Run.ID
	w.must(id, &workflow.FinishWorkload{Run: run, Epoch: 1, Status: workflow.WorkloadSuccess})
	w.must(id, &workflow.RequestDelivery{Run: run, Adapter: adapterName, Kind: kind, Message: "done"})
	return id, uuid.NewSHA1(run, []byte("answer"))
}

// fakeEngine remembers what was started, as a real one does on its disk.
type fakeEngine struct {
	mu       sync.Mutex
	started  map[uuid.UUID]engine.Start
	calls    int
	stopped  map[uuid.UUID]int
	forgets  bool
	startErr func(calls int) error
}

func newEngine() *fakeEngine {
	return &fakeEngine{started: map[uuid.UUID]engine.Start{}, stopped: map[uuid.UUID]int{}}
}

func (e *fakeEngine) Start(_ context.Context, s engine.Start) (engine.Workload, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls++
	if e.startErr != nil {
		if err := e.startErr(e.calls); err != nil {
			return engine.Workload{}, err
		}
	}
	e.started[s.RunID] = s
	return engine.Workload{ID: "pid " + s.RunID.String()[:4]}, nil
}

func (e *fakeEngine) Lookup(_ context.Context, asked engine.Run) (engine.State, engine.Workload, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, ok := e.started[asked.ID]; !ok || e.forgets {
		return engine.StateUnknown, engine.Workload{}, nil
	}
	return engine.StateRunning, engine.Workload{ID: "pid " + asked.ID.String()[:4]}, nil
}

func (e *fakeEngine) Stop(_ context.Context, asked engine.Run) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stopped[asked.ID]++
	return nil
}

func (e *fakeEngine) counts() (workloads, calls int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.started), e.calls
}

// surface is a messaging service; its kind says what it can do about a repeat.
type surface struct {
	mu sync.Mutex
	// posts counts what was shown, by delivery.
	posts map[uuid.UUID]int
	last  adapter.Delivery
	said  []string
	fail  func(attempt int) error
	// dedup shows one delivery once.
	dedup bool
}

func (s *surface) post(how string, d adapter.Delivery) (adapter.Receipt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = d
	s.said = append(s.said, how)
	if s.fail != nil {
		if err := s.fail(d.Attempt); err != nil {
			return "", err
		}
	}
	if !s.dedup || s.posts[d.ID] == 0 {
		s.posts[d.ID]++
	}
	return adapter.Receipt("post-" + d.ID.String()[:4]), nil
}

func (s *surface) shown(id uuid.UUID) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.posts[id]
}

// plain can do nothing about a repeat.
type plain struct{ *surface }

func (p plain) DeliverResult(_ context.Context, d adapter.Delivery) (adapter.Receipt, error) {
	return p.post("result", d)
}

func (p plain) DeliverError(_ context.Context, d adapter.Delivery) (adapter.Receipt, error) {
	return p.post("error", d)
}

type deduplicating struct{ plain }

func (deduplicating) Deduplicates() bool { return true }

func (d deduplicating) OnFlowCompleted(context.Context, adapter.Delivery) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.said = append(d.said, "completed")
	return nil
}

func (d deduplicating) OnFlowFailed(_ context.Context, f adapter.Delivery) (adapter.Receipt, error) {
	return d.post("failed", f)
}

func (d deduplicating) OnFlowStarted(context.Context, adapter.Flow) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.said = append(d.said, "started")
	return nil
}

type lookup struct{ plain }

func (l lookup) Lookup(_ context.Context, d adapter.Delivery) (adapter.Receipt, error) {
	if l.shown(d.ID) == 0 {
		return "", nil
	}
	return "found", nil
}

type tokens struct{}

func (tokens) Mint(_ context.Context, t effects.Token) (string, error) {
	return fmt.Sprintf("token-%d-%s-%s", t.Epoch, t.User, t.ServiceAccount), nil
}

func (w *world) config(e *fakeEngine, a adapter.Adapter) effects.Config {
	return effects.Config{
		Intents: w, Wake: w, Dispatch: w, States: w, Tokens: tokens{},
		Engines: map[string]effects.Engine{"fake": e}, Adapters: adapter.Registry{"surface": a},
		URL: "http://127.0.0.1:8080", BasePath: "/repo", Instance: uuid.NewString(),
		TakeOver: 30 * time.Millisecond, TakeOverRun: 30 * time.Millisecond, Poll: 10 * time.Millisecond, Grace: 20 * time.Millisecond,
		Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	}
}

// run works the effects until the returned function is called, or the test ends.
func (w *world) run(cfg effects.Config) (stop func()) {
	w.t.Helper()
	r, err := effects.New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx, 0) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Errorf("run: %v", err)
		}
	})
	w.t.Cleanup(stop)
	return stop
}
