package dispatch

import (
	"context"
	"log/slog"
	"slices"
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
	// LastFrom is the last record of a partition that stands at an offset or after it,
	// as the log is now; false where there is none.
	LastFrom(ctx context.Context, at domain.Position) (domain.Position, bool, error)
}

// Facts reads what commands are decided on: the head and what was asked for, as
// one cut.
type Facts interface {
	Load(ctx context.Context, id domain.StreamID, w projections.SnapshotWant) (*projections.Snapshot, error)
	Blobs(ctx context.Context, id domain.StreamID, addresses []value.Address) (map[value.Address]bool, error)
	Verdict(ctx context.Context, id domain.StreamID, at domain.Position) (projections.Verdict, error)
	// Done finds commands that were carried out, in a cut that has come to next.
	Done(ctx context.Context, id domain.StreamID, commands []uuid.UUID) (done map[uuid.UUID]projections.Done, next int64, err error)
	// FindChannels adds to the facts where the values of channels at versions stand, and
	// what they are.
	FindChannels(ctx context.Context, snap *projections.Snapshot, wanted []workflow.ChannelAt) error
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
	// FenceWriters says whether one writer at a time may write to a thread: a policy of
	// the tenant. Nil is no.
	FenceWriters func(domain.Tenant) bool
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
	if cfg.FenceWriters == nil {
		cfg.FenceWriters = func(domain.Tenant) bool { return false }
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

// waiter is one command of a caller of DoAll.
type waiter struct {
	ctx    context.Context //nolint:containedctx // the caller's own, for its deadline
	req    *Request
	answer chan answer
	// got is what was answered. It belongs to the caller.
	got answer
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
	a := d.DoAll(ctx, []Request{req})[0]
	return a.Result, a.Err
}

// Answer is what became of one of several commands. Beside a refusal the result says
// what the stream is then.
type Answer struct {
	Result Result
	Err    error
}

// DoAll carries out commands of one stream, as Do does each, in their order and as
// far as it can be together. What is refused does not keep back what follows. The
// requests belong to the dispatcher from then on.
func (d *Dispatcher) DoAll(ctx context.Context, reqs []Request) []Answer {
	out := make([]Answer, len(reqs))
	var waiting []*waiter
	var at []int
	size := int64(0)
	for i := range reqs {
		if out[i].Err = reqs[i].prepare(); out[i].Err == nil {
			waiting, at = append(waiting, &waiter{req: &reqs[i]}), append(at, i)
			size += reqs[i].size()
		}
	}
	if len(waiting) == 0 {
		return out
	}
	release, err := d.admit(ctx, waiting[0].req, size)
	if err != nil {
		for _, i := range at {
			out[i].Err = err
		}
		return out
	}
	defer release()
	spans := make([]tracing.Span, len(waiting))
	for i, w := range waiting {
		w.ctx, spans[i] = tracing.Start(ctx, "command")
	}
	d.insist(ctx, waiting)
	for i, w := range waiting {
		outcome := outcomeOf(w.got.result, w.got.err)
		d.cfg.Observe(w.req.commandType(), outcome)
		endCommand(spans[i], w.req, w.got.result, outcome, w.got.err)
		out[at[i]] = Answer{w.got.result, w.got.err}
	}
	return out
}

// prepare does what of a command depends on nothing but itself.
func (r *Request) prepare() error {
	if err := r.validate(); err != nil {
		return err
	}
	if c, ok := r.Workflow.(preparer); ok {
		return c.Prepare()
	}
	return nil
}

// insist asks until the stream is not stopped any more, or there is no time left.
func (d *Dispatcher) insist(ctx context.Context, waiting []*waiter) {
	for {
		d.once(ctx, waiting)
		waiting = slices.DeleteFunc(slices.Clone(waiting), func(w *waiter) bool { return domain.CodeOf(w.got.err) != domain.CodeStreamStopped })
		if len(waiting) == 0 || !pause(ctx) {
			return
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
func (d *Dispatcher) admit(ctx context.Context, req *Request, size int64) (release func(), err error) {
	switch req.Workflow.(type) {
	case *workflow.Start, *workflow.Fork: // something new begins
		return d.tenants.Try(req.Stream.Tenant, size)
	}
	return d.tenants.Hold(ctx, req.Stream.Tenant, size)
}

// once puts commands into the queue of their stream and waits for their answers.
func (d *Dispatcher) once(ctx context.Context, waiting []*waiter) {
	for _, w := range waiting {
		w.answer = make(chan answer, 1)
	}
	if err := d.enqueue(ctx, waiting); err != nil {
		for _, w := range waiting {
			w.got = answer{err: err}
		}
		return
	}
	for _, w := range waiting {
		select {
		case w.got = <-w.answer:
		case <-ctx.Done():
			w.got = answer{err: notNow("there was no verdict in time")}
		}
	}
}

func (d *Dispatcher) enqueue(ctx context.Context, waiting []*waiter) error {
	stream := waiting[0].req.Stream
	d.mu.Lock()
	d.depth += len(waiting)
	q, busy := d.queues[stream]
	if !busy {
		q = &queue{stream: stream}
		d.queues[stream] = q
	}
	q.waiting = append(q.waiting, waiting...)
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

// wantsWhole says that the command is decided on all there is, and so before any
// other.
func (w *waiter) wantsWhole() bool {
	_, whole := w.req.Workflow.(workflow.Wholesale)
	return whole
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
	if whole := slices.IndexFunc(q.waiting[1:n], (*waiter).wantsWhole); whole >= 0 {
		n = 1 + whole
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
