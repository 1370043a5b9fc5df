package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/duolog/duolog/domain"
)

const (
	// retryFor is how long a server that went away is waited for: longer than a
	// restart takes.
	retryFor   = 30 * time.Second
	retryPause = 100 * time.Millisecond
)

// retry sends requests again while the server starts anew. Its requests must be
// harmless when repeated. The zero value sends each once.
type retry struct {
	most time.Duration
	// met says that the server was there: only then it can be away.
	met bool
}

// do calls once until it is answered, at most so long after the first failure.
func (r *retry) do(ctx context.Context, once func() error) error {
	err := once()
	if !away(err) {
		r.met = true
		return err
	}
	if r.most == 0 || !r.met && errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	patience := time.NewTimer(r.most)
	defer patience.Stop()
	tick := time.NewTicker(retryPause)
	defer tick.Stop()
	for away(err) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-patience.C:
			return problem{
				fmt.Sprintf("the server has been away for %s: %v", r.most, err),
				"start it again (duolog doctor says what is wrong); what it was asked is kept and goes on then: duolog workflow list",
			}
		}
		err = once()
	}
	r.met = true
	return err
}

// away says whether an error means that nobody could answer, and not what was
// answered.
func away(err error) bool {
	if err == nil || domain.CodeOf(err) == domain.CodeNotNow {
		return err != nil
	}
	_, refused := errors.AsType[*domain.Error](err)
	_, told := errors.AsType[problem](err)
	return !refused && !told
}
