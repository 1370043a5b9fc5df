//go:build crash

package crash_test

import (
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/test/crash/history"
)

const (
	// together is how many workflows are written to at a time: clients collide.
	together = 5
	// slots is how many checkpoints a workflow can have.
	slots = 8
	// longLife is how many operations a workflow gets before another takes its
	// place, mostOpen how many of them may have an unknown end.
	longLife, mostOpen = 150, 5
	// owner is whose token the clients have.
	owner = "mia"
)

// shared is a workflow that several clients write to.
type shared struct {
	id  uuid.UUID
	key string
	ts  []string

	mu   sync.Mutex
	ops  int
	open int
	// done are requests that must change nothing when they are sent again.
	done []request
}

// pool are the workflows that are written to.
type pool struct {
	w   *world
	mu  sync.Mutex
	now []*shared
	all []*shared
}

func newPool(w *world) *pool { return &pool{w: w, now: make([]*shared, together)} }

// pick is a workflow to write to; fresh says that the caller is to create it.
func (p *pool) pick(rng *rand.Rand) (s *shared, fresh bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := rng.IntN(together)
	if s = p.now[i]; s != nil && !s.old() {
		return s, false
	}
	s = newShared(fmt.Sprintf("shared %d of %d", len(p.all), p.w.seed))
	p.now[i], p.all = s, append(p.all, s)
	return s, true
}

// every workflow there was.
func (p *pool) every() []*shared {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]*shared(nil), p.all...)
}

// newShared knows the id before the workflow exists: it follows from the key.
func newShared(key string) *shared {
	s := &shared{id: uuid.NewSHA1(commandOf(key), []byte("workflow")), key: key}
	for range slots {
		s.ts = append(s.ts, uuid.Must(uuid.NewV7()).String())
	}
	return s
}

// commandOf is the id of the command that comes under a key.
func commandOf(key string) uuid.UUID {
	return dispatch.CommandID("acme", domain.Principal{User: owner}, key)
}

func (s *shared) old() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ops >= longLife || s.open >= mostOpen
}

// note keeps count, and what may be repeated.
func (s *shared) note(r request, o history.Operation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ops++
	if o.Open() {
		s.open++
	}
	repeatable := o.Kind == history.Create || o.Kind == history.Save || o.Kind == history.Write && o.Idx < 0
	if repeatable && o.Outcome == history.Done && !o.Repeat && r.small {
		s.done = append(s.done, r)
	}
}

// there says that the workflow was created, for all to see.
func (s *shared) there() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.done) > 0
}

// repeat is a request that was answered before.
func (s *shared) repeat(rng *rand.Rand) (request, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.done) == 0 {
		return request{}, false
	}
	r := s.done[rng.IntN(len(s.done))]
	r.op.Repeat = true
	return r, true
}
