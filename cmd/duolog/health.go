package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/internal/kafka"
	"github.com/duolog/duolog/internal/postgres"
)

// failures remember which partitions could not be projected lately, so that
// who asks for the health of a node hears why.
type failures struct {
	now func() time.Time

	mu   sync.Mutex
	last map[int32]failure
}

type failure struct {
	at  time.Time
	err error
}

// failureCounts is how long a failure is told of: what goes on failing fails
// again before.
const failureCounts = 10 * time.Second

func newFailures(now func() time.Time) *failures {
	return &failures{now: now, last: map[int32]failure{}}
}

// note takes what a projector ended with, or nil after a batch was written. A
// connection that broke or an offset that moved is no reason to tell anybody.
func (f *failures) note(partition int32, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil {
		delete(f.last, partition)
		return
	}
	if _, unsafe := errors.AsType[*kafka.SafetyError](err); unsafe || postgres.IsRefusal(err) {
		f.last[partition] = failure{f.now(), err}
	}
}

// recent is a failure that still counts, as health tells it.
func (f *failures) recent() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for p, failed := range f.last {
		if f.now().Sub(failed.at) > failureCounts {
			continue
		}
		what, fix := explain(failed.err)
		if fix == "" {
			fix = "it is tried again; if it stays so, see duolog doctor"
		}
		return &domain.Error{
			Code: domain.CodeNotNow, Message: fmt.Sprintf("partition %d cannot be projected: %s", p, what), Fix: fix, Err: failed.err,
		}
	}
	return nil
}

// ready says why this node cannot serve, if it cannot.
func (n *node) ready(ctx context.Context) error {
	if unsafe := n.log.Unsafe(); unsafe != nil {
		return &domain.Error{Code: domain.CodeLogUnsafe, Message: unsafe.Problem, Fix: unsafe.Fix}
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := n.db.Write.Ping(ctx); err != nil {
		return &domain.Error{Code: domain.CodeNotNow, Message: "the database does not answer", Fix: "start it, or look at the network to it; Duolog goes on by itself (duolog doctor looks at all parts)", Err: err}
	}
	if err := n.failures.recent(); err != nil {
		return err
	}
	if err := n.visible.Ready(ctx); err != nil {
		return &domain.Error{Code: domain.CodeNotNow, Message: "the read models are catching up with the log", Fix: "wait; duolog projection status shows how far they are"}
	}
	return nil
}
