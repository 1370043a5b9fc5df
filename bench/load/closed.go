package load

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// Count is how many calls were made in what time.
type Count struct {
	Done float64
	Took time.Duration
}

// Rate is calls per second.
func (c Count) Rate() float64 { return c.Done / c.Took.Seconds() }

// Closed calls each of the callers one after another for as long as it is told.
func Closed(ctx context.Context, length time.Duration, now func() time.Time, callers []func() error) (Count, error) {
	var done atomic.Int64
	var over atomic.Bool
	began := now()
	timer := time.AfterFunc(length, func() { over.Store(true) })
	defer timer.Stop()
	group, ctx := errgroup.WithContext(ctx)
	for _, call := range callers {
		group.Go(func() error {
			for !over.Load() && ctx.Err() == nil {
				if err := call(); err != nil {
					return err
				}
				done.Add(1)
			}
			return ctx.Err()
		})
	}
	err := group.Wait()
	return Count{float64(done.Load()), now().Sub(began)}, err
}

// Posts are the agents as callers.
func Posts(agents []*Agent) []func() error {
	out := make([]func() error, len(agents))
	for i, a := range agents {
		out[i] = a.Post
	}
	return out
}
