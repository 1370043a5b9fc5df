package effects

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/adapter"
	"github.com/duolog/duolog/projections/queries/intents"
)

const (
	// pageSize is how many intents are read at once.
	pageSize = 256
	// breath is the shortest time between two looks at a busy partition.
	breath = 10 * time.Millisecond
)

// source is where a loop finds what it works off.
type source struct {
	due func(ctx context.Context, before time.Time, after *intents.Intent, limit int) ([]intents.Intent, error)
	// ours says whether an intent is this loop's to do.
	ours    func(intents.Intent) bool
	changed func() <-chan struct{}
	// poll is how often to look though nothing woke us.
	poll time.Duration
}

// Run works off the intents of a partition until ctx ends, then gives what is
// in flight the grace to end. It returns nil: what fails is tried again. What is
// owed for a run that a bound engine has is left to the node of that engine.
func (r *Runner) Run(ctx context.Context, partition int32) error {
	var watching sync.WaitGroup
	defer watching.Wait()
	watching.Go(func() { r.watchOrphans(ctx, partition) })
	if asked := r.askedEngines(); len(asked) > 0 {
		watching.Go(func() { r.watchAsked(ctx, partition, asked) })
	}
	return r.loop(ctx, source{
		due: func(ctx context.Context, before time.Time, after *intents.Intent, limit int) ([]intents.Intent, error) {
			return r.cfg.Intents.Due(ctx, partition, before, after, limit)
		},
		ours:    func(in intents.Intent) bool { return !r.atHome(in) },
		changed: func() <-chan struct{} { return r.cfg.Wake.Owes(partition) },
		poll:    r.cfg.Poll,
	})
}

// homePoll is how often the node looks for what its own runs owe.
const homePoll = 200 * time.Millisecond

// RunHome works off, until ctx ends, what is owed for the runs that this node's
// bound engines have, whoever owns their partitions.
func (r *Runner) RunHome(ctx context.Context) error {
	return r.loop(ctx, source{
		due: func(ctx context.Context, before time.Time, after *intents.Intent, limit int) ([]intents.Intent, error) {
			return r.cfg.Intents.DueAt(ctx, r.node, before, after, limit)
		},
		ours:    r.atHome,
		changed: func() <-chan struct{} { return nil },
		poll:    homePoll,
	})
}

// atHome says whether only the node that claimed the run can do what is owed.
func (r *Runner) atHome(in intents.Intent) bool {
	_, bound := r.cfg.Engines[in.Lane].(Bound)
	return bound && in.Home != "" && in.Kind != workflow.IntentDeliver
}

func (r *Runner) loop(ctx context.Context, s source) error {
	work, cancel := r.workContext(ctx)
	defer cancel()
	l := &lanes{runner: r, most: r.cfg.Parallel, far: map[string]int{}, freed: make(chan struct{}, 1)}
	defer l.running.Wait()
	for {
		changed := s.changed()
		next, err := r.pass(ctx, work, s, l)
		if err != nil && ctx.Err() == nil {
			r.cfg.Logger.WarnContext(ctx, "intents not read", slog.Any("error", err))
		}
		if !r.rest(ctx, changed, l.freed, next) {
			return nil
		}
	}
}

// workContext is that of the effects themselves: it ends some time after ctx,
// so that a call that is being made can still say how it ended.
func (r *Runner) workContext(ctx context.Context) (context.Context, context.CancelFunc) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(r.cfg.Grace, cancel) })
	return work, func() { stop(); cancel() }
}

// pass starts what can be started and says when to look again.
func (r *Runner) pass(ctx, work context.Context, s source, l *lanes) (next time.Time, err error) {
	now := r.cfg.Now()
	horizon := now.Add(s.poll)
	next = horizon
	var after *intents.Intent
	for {
		page, err := s.due(ctx, horizon, after, pageSize)
		if err != nil {
			return next, err
		}
		for i := range page {
			in := page[i]
			if !s.ours(in) {
				continue
			}
			if at := r.mayTry(in); at.After(now) {
				next = earlier(next, at)
				continue
			}
			if !l.start(laneOf(in), r.remote(in), func() { r.do(work, in) }) {
				return next, nil
			}
		}
		if len(page) < pageSize {
			return next, nil
		}
		after = &page[len(page)-1]
	}
}

// rest waits for a reason to look again; false when ctx has ended.
func (r *Runner) rest(ctx context.Context, changed, freed <-chan struct{}, next time.Time) bool {
	timer := time.NewTimer(max(breath, next.Sub(r.cfg.Now())))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	case <-changed:
	case <-freed:
	}
	timer.Reset(breath)
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// mayTry is when an intent may be tried.
func (r *Runner) mayTry(in intents.Intent) time.Time {
	at := in.Due
	switch {
	case in.Open && in.By != r.cfg.Instance && workflow.NodeOf(in.By) != r.node:
		at = at.Add(max(r.takeOver(in), patience(in)))
	case in.Open:
		at = at.Add(patience(in))
	}
	return later(at, r.pausedUntil(keyOf(in)))
}

// takeOver is how old another instance's open attempt must be.
func (r *Runner) takeOver(in intents.Intent) time.Duration {
	if in.Kind == workflow.IntentRun {
		return r.cfg.TakeOverRun
	}
	return r.cfg.TakeOver
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func laneOf(in intents.Intent) string { return in.Stream.String() + " " + in.Lane }

// lanes are the effects in flight of one loop: one per workflow and destination,
// whichever loop has it. An attempt that a partition's loop makes is no open one
// for the loop of the node.
type lanes struct {
	runner  *Runner
	most    int
	running sync.WaitGroup
	// taken is how many there are, far how many of them call something outside
	// that takes as long as it is let, by destination; the runner's mu guards both.
	taken int
	far   map[string]int
	// freed has a token when a lane became free.
	freed chan struct{}
}

// start begins an effect unless its lane is busy; false when there is no room
// for any other. Destinations outside get half of the room, each of them a
// quarter: receivers that do not answer hold up no run, and not one another.
func (l *lanes) start(lane, destination string, effect func()) bool {
	l.runner.mu.Lock()
	defer l.runner.mu.Unlock()
	if l.runner.busy[lane] || destination != "" && !l.roomFor(destination) {
		return true
	}
	if l.taken >= l.most {
		return false
	}
	l.runner.busy[lane] = true
	l.taken++
	l.far[destination]++
	l.running.Go(func() {
		defer l.free(lane, destination)
		effect()
	})
	return true
}

func (l *lanes) roomFor(destination string) bool {
	far := l.taken - l.far[""]
	return far < max(1, l.most/2) && l.far[destination] < max(1, l.most/4)
}

// remote is the destination of an intent that calls something outside, which
// takes as long as it is let; empty for any other.
func (r *Runner) remote(in intents.Intent) string {
	if _, remote := r.cfg.Adapters.Find(in.Lane).(adapter.Remote); !remote || in.Kind != workflow.IntentDeliver {
		return ""
	}
	return string(in.Stream.Tenant) + " " + in.Lane
}

func (l *lanes) free(lane, destination string) {
	l.runner.mu.Lock()
	delete(l.runner.busy, lane)
	l.taken--
	if l.far[destination]--; l.far[destination] == 0 {
		delete(l.far, destination)
	}
	l.runner.mu.Unlock()
	select {
	case l.freed <- struct{}{}:
	default:
	}
}
