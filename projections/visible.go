package projections

import (
	"context"
	"sync"

	"github.com/duolog/duolog/domain"
)

// Visible knows how far the read models have come, and wakes who waits for a
// position. It is fed by this process's projectors and by what the others
// announce; it is safe for concurrent use.
//
// Postgres runs with synchronous_commit off, so a crash of it can lose the last
// transactions, offset and rows together. Visible remembers what was answered:
// Ready blocks until the read models have passed that again.
type Visible struct {
	mu       sync.Mutex
	next     map[int32]int64
	answered map[int32]int64
	verdicts map[domain.Position]Verdict
	order    []domain.Position
	changed  chan struct{}
	// advanced are those who wait for one partition, each closed once.
	advanced map[int32]chan struct{}
}

// verdictsKept bounds the verdicts held for waiters; older ones are looked up.
const verdictsKept = 1 << 14

// NewVisible is a Visible that knows nothing yet.
func NewVisible() *Visible {
	return &Visible{
		next: map[int32]int64{}, answered: map[int32]int64{}, verdicts: map[domain.Position]Verdict{}, changed: make(chan struct{}),
		advanced: map[int32]chan struct{}{},
	}
}

// Advance says that the read models show everything of partition below next.
// Going back is possible: after a crash of Postgres they show less.
func (v *Visible) Advance(partition int32, next int64, verdicts []Verdict) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, verdict := range verdicts {
		at := domain.Position{Partition: partition, Offset: verdict.Offset}
		if _, has := v.verdicts[at]; !has {
			v.order = append(v.order, at)
		}
		v.verdicts[at] = verdict
	}
	for len(v.order) > verdictsKept {
		delete(v.verdicts, v.order[0])
		v.order = v.order[1:]
	}
	v.next[partition] = next
	close(v.changed)
	v.changed = make(chan struct{})
	if c, ok := v.advanced[partition]; ok {
		close(c)
		delete(v.advanced, partition)
	}
}

// Restarted takes the read models back to the offsets that a Postgres has after
// it was started anew, and blocks until they show everything below ends again:
// any process may have answered what stood in the log.
func (v *Visible) Restarted(ctx context.Context, offsets, ends map[int32]int64) error {
	for p, end := range ends {
		v.Answered(domain.Position{Partition: p, Offset: end - 1})
		v.Advance(p, offsets[p], nil)
	}
	return v.Ready(ctx)
}

// Wait blocks until the position is visible, or ctx ends. It wakes for its own
// partition alone: under load many wait, and the others advance all the time.
func (v *Visible) Wait(ctx context.Context, at domain.Position) error {
	for {
		changed := v.Changed(at.Partition) // before the look, so that no advance is missed
		if v.Next(at.Partition) > at.Offset {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Ready blocks until the read models show everything this process has answered.
func (v *Visible) Ready(ctx context.Context) error {
	return v.until(ctx, func() bool {
		for p, answered := range v.answered {
			if v.next[p] <= answered {
				return false
			}
		}
		return true
	})
}

func (v *Visible) until(ctx context.Context, done func() bool) error {
	for {
		v.mu.Lock()
		ok, changed := done(), v.changed
		v.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Shows says whether a cut of the read models that has come to next shows all
// that this process answered from the partition. A cut of a Postgres that lost
// its last transactions, or that is being rebuilt, may not.
func (v *Visible) Shows(partition int32, next int64) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	answered, told := v.answered[partition]
	return !told || next > answered
}

// Answered remembers that a client was told of the position.
func (v *Visible) Answered(at domain.Position) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if told, any := v.answered[at.Partition]; at.Offset >= 0 && (!any || at.Offset > told) {
		v.answered[at.Partition] = at.Offset
	}
}

// Verdict is the verdict of a position if it was seen lately.
func (v *Visible) Verdict(at domain.Position) (Verdict, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	verdict, ok := v.verdicts[at]
	return verdict, ok
}

// Next is how far a partition has come.
func (v *Visible) Next(partition int32) int64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.next[partition]
}

// Changed is closed when the read models of the partition advance next.
func (v *Visible) Changed(partition int32) <-chan struct{} {
	v.mu.Lock()
	defer v.mu.Unlock()
	c, ok := v.advanced[partition]
	if !ok {
		c = make(chan struct{})
		v.advanced[partition] = c
	}
	return c
}
