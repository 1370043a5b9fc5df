package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/duolog/duolog/domain"
)

// Replacement is a second set of read models, in a schema of its own, that takes the
// place of those that serve.
type Replacement struct {
	// Live are those that serve, Fresh those to come: the search path of each pool
	// finds its own.
	Live, Fresh *pgxpool.Pool
	// Projector fills Fresh, quietly, and tells Visible.
	Projector  *Projector
	Visible    *Visible
	Partitions int32
	// Ends is where each partition of the log ends now.
	Ends func(ctx context.Context) (map[int32]int64, error)
	Now  func() time.Time
}

// ErrInUse says that somebody uses the tables for longer than writes may be held for
// a swap. Nothing has changed; it may be tried again.
var ErrInUse = errors.New("the tables are in use")

const (
	// heldMost is how long writes may be held for a swap that does not come about.
	heldMost = 5 * time.Second
	// catchUpMost is how long the new tables may take for the last few records.
	catchUpMost = 2 * time.Second
	// readersMost is how long readers may take that are under way.
	readersMost = time.Second
)

// Swap follows the log in the new tables until they show all of it, holds the
// projectors, lets the new tables come to where the old ones are, and gives them their
// names. It returns for how long it held the projectors: writes wait so long.
//
// All of it is one transaction. A crash before its commit leaves the old tables
// serving; after it the new ones do, and the old ones are left to be dropped.
func (r *Replacement) Swap(ctx context.Context) (held time.Duration, err error) {
	f := r.follow(ctx)
	defer f.stop() //nolint:errcheck // after a swap their tables are gone; before, reach tells
	ends, err := r.Ends(ctx)
	if err != nil {
		return 0, err
	}
	if err := f.reach(ctx, ends); err != nil {
		return 0, err
	}
	if err := r.idle(ctx); err != nil {
		return 0, err
	}
	tx, err := r.Live.Begin(ctx)
	if err != nil {
		return 0, fmt.Errorf("begin to swap: %w", err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // after a commit it does nothing
	if err := r.keepVacuumAway(ctx, tx); err != nil {
		return 0, inUse(ctx, err)
	}
	began := r.Now()
	err = r.swap(ctx, tx, f)
	return r.Now().Sub(began), err
}

func (r *Replacement) swap(ctx context.Context, tx pgx.Tx, f *followers) error {
	ctx, cancel := context.WithTimeoutCause(ctx, heldMost, ErrInUse)
	defer cancel()
	for _, step := range []func(context.Context, pgx.Tx) error{
		hold,
		func(ctx context.Context, tx pgx.Tx) error { return r.catchUp(ctx, tx, f) },
		r.readersGone,
		r.exchange,
	} {
		if err := step(ctx, tx); err != nil {
			return inUse(ctx, err)
		}
	}
	// From here on it is not given up halfway: nobody would know what stands.
	ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), heldMost)
	defer cancel()
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("commit the swap: %w", err)
	}
	return nil
}

// inUse tells a swap that took too long from one that failed.
func inUse(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if isLockTimeout(err) || errors.Is(context.Cause(ctx), ErrInUse) {
		return ErrInUse
	}
	return err
}

// catchUp lets the new tables come to where the old ones are held: all of it is
// committed when it returns. Old tables that are ahead of the log have no such place;
// the end of the log is. The new ones may go on: what they show more was answered to
// nobody, and who fills them ends at tables that are not there any more.
func (r *Replacement) catchUp(ctx context.Context, tx pgx.Tx, f *followers) error {
	ctx, cancel := context.WithTimeoutCause(ctx, catchUpMost, ErrInUse)
	defer cancel()
	to, err := Offsets(ctx, tx)
	if err != nil {
		return err
	}
	for p, next := range to {
		if r.Visible.Next(p) >= next {
			continue
		}
		ends, err := r.Ends(ctx)
		if err != nil {
			return err
		}
		for p, end := range ends {
			to[p] = min(to[p], end)
		}
		break
	}
	return inUse(ctx, f.reach(ctx, to))
}

// followers fill the new tables as the log grows.
type followers struct {
	visible *Visible
	group   *errgroup.Group
	ctx     context.Context //nolint:containedctx // it ends with the first of them that fails
	cancel  context.CancelFunc
}

func (r *Replacement) follow(ctx context.Context) *followers {
	ctx, cancel := context.WithCancel(ctx)
	group, ctx := errgroup.WithContext(ctx)
	for p := range r.Partitions {
		group.Go(func() error { return r.Projector.Run(ctx, p) })
	}
	return &followers{r.Visible, group, ctx, cancel}
}

// reach waits until everything before these offsets is in the new tables.
func (f *followers) reach(ctx context.Context, next map[int32]int64) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(f.ctx, func() { cancel(context.Canceled) })()
	for p, n := range next {
		if n == 0 {
			continue
		}
		if err := f.visible.Wait(ctx, domain.Position{Partition: p, Offset: n - 1}); err != nil {
			return errors.Join(fmt.Errorf("wait for partition %d to reach %d: %w", p, n, context.Cause(ctx)), f.failure())
		}
	}
	return nil
}

// failure is why one of them ended by itself.
func (f *followers) failure() error {
	if f.ctx.Err() == nil {
		return nil
	}
	return f.stop()
}

// stop ends them and waits for that.
func (f *followers) stop() error {
	f.cancel()
	if err := f.group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}
