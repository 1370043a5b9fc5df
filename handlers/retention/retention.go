// Package retention removes what was kept long enough: whole threads of LangGraph's
// savers, or all but their newest checkpoints, as thread or tenant say. The owner of a
// partition looks for them; what is removed is a command like any other, so that it
// stands in the log, and a thread that was written to meanwhile is kept.
package retention

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/wait"
)

// Threads finds threads of a partition that were kept long enough. It MAY be behind: the
// command decides.
type Threads interface {
	Due(ctx context.Context, partition int32, now time.Time, tenants map[domain.Tenant]time.Duration, limit int) ([]domain.StreamID, error)
}

// Dispatcher carries out commands. After an error nothing is known, and a later look
// finds what is still due.
type Dispatcher interface {
	Do(ctx context.Context, req dispatch.Request) (dispatch.Result, error)
}

// Config is what a Runner is made of.
type Config struct {
	Threads  Threads
	Dispatch Dispatcher
	// Tenants says what holds for threads that say nothing themselves.
	Tenants map[domain.Tenant]workflow.Retention
	// Every is how often is looked (1 min). Longer keeps what is due longer, shorter
	// asks the database more often.
	Every  time.Duration
	Now    func() time.Time
	NewID  func() uuid.UUID
	Logger *slog.Logger
}

const (
	defaultEvery = time.Minute
	// atOnce is how many threads one look takes.
	atOnce = 100
	// longest bounds one command.
	longest = 30 * time.Second
)

// Runner looks for what is due. Make it with New.
type Runner struct {
	cfg  Config
	ttls map[domain.Tenant]time.Duration
}

// New makes a Runner. It starts nothing.
func New(cfg Config) *Runner {
	cfg.Every = cmp.Or(cfg.Every, defaultEvery)
	r := &Runner{cfg: cfg, ttls: map[domain.Tenant]time.Duration{}}
	for name, keep := range cfg.Tenants {
		if keep.TTL > 0 {
			r.ttls[name] = time.Duration(keep.TTL) * time.Second
		}
	}
	return r
}

// Run looks after a partition until ctx ends. What fails is tried again at the next
// look.
func (r *Runner) Run(ctx context.Context, partition int32) error {
	for wait.For(ctx, r.cfg.Every) {
		for more := true; more && ctx.Err() == nil; {
			var err error
			if more, err = r.runOnce(ctx, partition); err != nil && ctx.Err() == nil {
				r.cfg.Logger.WarnContext(ctx, "threads that are due were not removed", slog.Int("partition", int(partition)), slog.Any("error", err))
			}
		}
	}
	return nil
}

// runOnce is one look. It says whether there may be more.
func (r *Runner) runOnce(ctx context.Context, partition int32) (more bool, err error) {
	due, err := r.cfg.Threads.Due(ctx, partition, r.cfg.Now(), r.ttls, atOnce)
	if err != nil {
		return false, err
	}
	removed := false
	for _, stream := range due {
		changed, err := r.expire(ctx, stream)
		if err != nil {
			return false, err
		}
		removed = removed || changed
	}
	return removed && len(due) == atOnce, nil
}

func (r *Runner) expire(ctx context.Context, stream domain.StreamID) (changed bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	result, err := r.cfg.Dispatch.Do(ctx, dispatch.Request{
		Stream: stream, Workflow: &workflow.ExpireThread{Tenant: r.cfg.Tenants[stream.Tenant]}, CommandID: r.cfg.NewID(), Fresh: true,
		Principal: domain.Principal{System: "retention"},
	})
	switch code := domain.CodeOf(err); {
	case err == nil:
		return result.Changed, nil
	case code == domain.CodeStreamStopped, code == domain.CodeTooLarge:
		r.cfg.Logger.WarnContext(ctx, "a thread that is due stays", slog.String("stream", stream.String()), slog.Any("error", err))
		return false, nil // the others are not kept back
	}
	return false, err
}
