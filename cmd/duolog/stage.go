package main

import (
	"context"
	"sync"
)

// stage is a group of long-running parts that end together.
type stage struct {
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// begin starts the parts. They outlive ctx: end ends them. The first failure of
// any stage is told to failed.
func begin(ctx context.Context, failed chan<- error, parts ...func(context.Context) error) *stage {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s := &stage{cancel: cancel}
	for _, part := range parts {
		s.running.Go(func() {
			err := part(ctx)
			if err == nil || ctx.Err() != nil {
				return
			}
			select {
			case failed <- err:
			default: // another failure ends the process already
			}
		})
	}
	return s
}

// end stops the parts and waits for them.
func (s *stage) end() {
	s.cancel()
	s.running.Wait()
}
