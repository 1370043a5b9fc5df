package dispatch

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/quota"
	"github.com/duolog/duolog/handlers/tracing"
	"github.com/duolog/duolog/handlers/wait"
	"github.com/duolog/duolog/projections"
)

// Log appends. An Append returns when all messages are acknowledged by all
// in-sync replicas, in order; after an error nothing is known: they may be
// written now, later, or never. A *domain.Error means that nothing was sent.
type Log interface {
	Append(ctx context.Context, messages []journal.Message) ([]domain.Position, error)
}

// Facts reads what commands are decided on: the head and what was asked for, as
// one cut.
type Facts interface {
	Load(ctx context.Context, id domain.StreamID, w projections.SnapshotWant) (*projections.Snapshot, error)
	Blobs(ctx context.Context, id domain.StreamID, addresses []value.Address) (map[value.Address]bool, error)
	Verdict(ctx context.Context, id domain.StreamID, at domain.Position) (projections.Verdict, error)
	// Done finds commands that were carried out, in a cut that has come to next.
	Done(ctx context.Context, id domain.StreamID, commands []uuid.UUID) (done map[uuid.UUID]projections.Done, next int64, err error)
	// FindCommit finds an accepted commit of the stream by its hash.
	FindCommit(ctx context.Context, id domain.StreamID, hash journal.Hash) (domain.Position, bool, error)
}

// Visible tells when a position is visible, and remembers what was answered.
type Visible interface {
	Wait(ctx context.Context, at domain.Position) error
	Verdict(at domain.Position) (projections.Verdict, bool)
	Answered(at domain.Position)
	Ready(ctx context.Context) error
	// Shows says whether a cut that has come to next shows all that was answered.
	Shows(partition int32, next int64) bool
}

// Config is what a Dispatcher is made of.
type Config struct {
	Log        Log
	Facts      Facts
	Visible    Visible
	Partitions int32
	// AllowRunless says whether clients without a run may write a workflow's
	// state: a policy of the tenant.
	AllowRunless func(domain.Tenant) bool
	// TenantBytes bounds the bytes in flight per tenant: above, and above an
	// eighth of it for new triggers alone, those are refused with 429 and agents'
	// writes wait. Too small slows one tenant down, too large lets it fill the
	// memory. 0 means 64 MiB.
	TenantBytes int64
	Now         func() time.Time
	NewID       func() uuid.UUID
	Logger      *slog.Logger
	// Observe is told of each verdict, by the type of the command; nil to leave it
	// out.
	Observe func(command, outcome string)
	// Refused is told of each trigger that its tenant's bound refused; nil to leave
	// it out.
	Refused func(domain.Tenant)
	// Point is called at named points for crash tests; nil outside them.
	Point func(name string)
}

const defaultTenantBytes = 64 << 20

// Dispatcher takes commands to verdicts. Make it with New and keep Run going.
type Dispatcher struct {
	cfg     Config
	start   chan *queue
	warm    *warm
	tenants *quota.Tenants

	mu     sync.Mutex
	queues map[domain.StreamID]*queue
	depth  int
}

// New makes a Dispatcher. It starts nothing.
func New(cfg Config) *Dispatcher {
	if cfg.TenantBytes == 0 {
		cfg.TenantBytes = defaultTenantBytes
	}
	if cfg.Observe == nil {
		cfg.Observe = func(string, string) {}
	}
	if cfg.Point == nil {
		cfg.Point = func(string) {}
	}
	return &Dispatcher{
		cfg: cfg, start: make(chan *queue), warm: newWarm(), queues: map[domain.StreamID]*queue{}, tenants: quota.New(quota.Bounds{Bytes: cfg.TenantBytes, Refused: cfg.Refused}),
	}
}

// queue holds the commands of one stream that wait, while a worker is at it.
type queue struct {
	stream  domain.StreamID
	waiting []*waiter
}

// waiter is one caller of Do.
type waiter struct {
	ctx    context.Context //nolint:containedctx // the caller's own, for its deadline
	req    *Request
	answer chan answer
}

type answer struct {
	result Result
	err    error
}

// Run works the queues until ctx ends, then waits for what is in flight.
func (d *Dispatcher) Run(ctx context.Context) error {
	var workers sync.WaitGroup
	defer workers.Wait()
	for {
		select {
		case q := <-d.start:
			workers.Go(func() { d.work(ctx, q) })
		case <-ctx.Done():
			return nil
		}
	}
}

// Depth is the number of commands that wait for a verdict.
func (d *Dispatcher) Depth() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.depth
}

// Do carries out one command and returns when its effect is visible. A refusal
// is a *domain.Error. Code not_now means that there was no verdict before ctx
// ended: the same request may be sent again.
func (d *Dispatcher) Do(ctx context.Context, req Request) (Result, error) {
	if err := req.validate(); err != nil {
		return Result{}, err
	}
	if c, ok := req.Workflow.(*workflow.SaveCheckpoint); ok {
		if err := c.Prepare(); err != nil {
			return Result{}, err
		}
	}
	release, err := d.admit(ctx, &req)
	if err != nil {
		return Result{}, err
	}
	defer release()
	ctx, span := tracing.Start(ctx, "command")
	for {
		result, err := d.once(ctx, &req)
		if domain.CodeOf(err) != domain.CodeStreamStopped || !pause(ctx) {
			outcome := outcomeOf(result, err)
			d.cfg.Observe(req.commandType(), outcome)
			endCommand(span, &req, result, outcome, err)
			return result, err
		}
	}
}

// pause holds the caller of a stopped stream: a new build may go on with it.
func pause(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	if ok && time.Until(deadline) < 2*time.Second {
		return false
	}
	return wait.For(ctx, time.Second)
}

func outcomeOf(r Result, err error) string {
	switch {
	case err != nil:
		return string(domain.CodeOf(err))
	case r.Changed:
		return "accepted"
	}
	return "already_so"
}

// admit holds what a tenant has in flight within its bounds.
func (d *Dispatcher) admit(ctx context.Context, req *Request) (release func(), err error) {
	if _, trigger := req.Workflow.(*workflow.Start); trigger {
		return d.tenants.Try(req.Stream.Tenant, req.size())
	}
	return d.tenants.Hold(ctx, req.Stream.Tenant, req.size())
}

func (d *Dispatcher) once(ctx context.Context, req *Request) (Result, error) {
	w := &waiter{ctx: ctx, req: req, answer: make(chan answer, 1)}
	if err := d.enqueue(ctx, w); err != nil {
		return Result{}, err
	}
	select {
	case a := <-w.answer:
		return a.result, a.err
	case <-ctx.Done():
		return Result{}, notNow("there was no verdict in time")
	}
}

func (d *Dispatcher) enqueue(ctx context.Context, w *waiter) error {
	d.mu.Lock()
	d.depth++
	q, busy := d.queues[w.req.Stream]
	if !busy {
		q = &queue{stream: w.req.Stream}
		d.queues[w.req.Stream] = q
	}
	q.waiting = append(q.waiting, w)
	d.mu.Unlock()
	if busy {
		return nil
	}
	select {
	case d.start <- q:
		return nil
	case <-ctx.Done():
		d.fail(q, notNow("this node is shutting down"))
		return notNow("this node is not taking commands")
	}
}

// fail answers everything that waits in a queue that has no worker.
func (d *Dispatcher) fail(q *queue, err error) {
	for {
		batch := d.take(q, 1<<30)
		if batch == nil {
			return
		}
		for _, w := range batch {
			w.answer <- answer{err: err}
		}
	}
}

// take is the next batch of a queue; the queue is forgotten when it is empty.
func (d *Dispatcher) take(q *queue, most int) []*waiter {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := min(most, len(q.waiting))
	if n == 0 {
		delete(d.queues, q.stream)
		return nil
	}
	batch := q.waiting[:n:n]
	q.waiting = q.waiting[n:]
	d.depth -= n
	return batch
}

// maxBatch bounds the commands that are decided on one snapshot.
const maxBatch = 64

func (d *Dispatcher) work(ctx context.Context, q *queue) {
	for {
		batch := d.take(q, maxBatch)
		if batch == nil {
			return
		}
		if ctx.Err() != nil {
			for _, w := range batch {
				w.answer <- answer{err: notNow("this node is shutting down")}
			}
			continue
		}
		d.serve(ctx, q.stream, batch)
	}
}

func notNow(why string) error {
	return &domain.Error{
		Code: domain.CodeNotNow, Message: "not now: " + why,
		Fix: "send the same request again; if it was done meanwhile, you get the same answer",
	}
}
