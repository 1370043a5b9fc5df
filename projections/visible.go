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
	// advanced are those who wait for one partition, owing those who wait for what is
	// owed in it; each is closed once.
	advanced, owing map[int32]chan struct{}
	// waiting are those who wait for a position of a partition, the lowest first.
	waiting map[int32]*waiters
	// projected counts the projectors of this process at a partition, heard is
	// what was announced of it meanwhile.
	projected map[int32]int
	heard     map[int32]int64
}

// verdictsKept bounds the verdicts held for waiters; older ones are looked up.
const verdictsKept = 1 << 14

// NewVisible is a Visible that knows nothing yet.
func NewVisible() *Visible {
	return &Visible{
		next: map[int32]int64{}, answered: map[int32]int64{}, verdicts: map[domain.Position]Verdict{}, changed: make(chan struct{}),
		advanced: map[int32]chan struct{}{}, owing: map[int32]chan struct{}{}, waiting: map[int32]*waiters{}, projected: map[int32]int{}, heard: map[int32]int64{},
	}
}

// Advance says that the read models show everything of partition below next.
// Going back is possible: after a crash of Postgres they show less.
func (v *Visible) Advance(partition int32, next int64, verdicts []Verdict) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.advance(partition, next, verdicts)
}

func (v *Visible) advance(partition int32, next int64, verdicts []Verdict) {
	if next < v.next[partition] {
		delete(v.heard, partition)
	}
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
	shut(v.advanced, partition)
	if verdicts == nil { // who projected it does not say what is owed
		shut(v.owing, partition)
	}
	v.at(partition).wake(next)
}

// shut closes the channel of a partition where somebody waits at it.
func shut(channels map[int32]chan struct{}, partition int32) {
	if c, ok := channels[partition]; ok {
		close(c)
		delete(channels, partition)
	}
}

// Owed says that what is owed in the partition has changed with what shows.
func (v *Visible) Owed(partition int32) {
	v.mu.Lock()
	defer v.mu.Unlock()
	shut(v.owing, partition)
}

func (v *Visible) at(partition int32) *waiters {
	w, ok := v.waiting[partition]
	if !ok {
		w = &waiters{}
		v.waiting[partition] = w
	}
	return w
}

// Announced is told of batches that were committed, by any node. Those of a
// partition that is projected here are this process's own, nearly always: the
// projector tells them itself, with the verdicts, and who waits for one of them
// had better not look it up.
func (v *Visible) Announced(partition int32, next int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.projected[partition] > 0:
		v.heard[partition] = max(v.heard[partition], next)
	case next > v.next[partition]:
		v.advance(partition, next, nil)
	}
}

// Projecting says that a projector of this process is at the partition, until
// the returned function is called.
func (v *Visible) Projecting(partition int32) (ended func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.projected[partition]++
	return func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.projected[partition]--
		if next := v.heard[partition]; next > v.next[partition] {
			v.advance(partition, next, nil)
		}
		delete(v.heard, partition)
	}
}

// Restarted takes the read models back to the offsets that a Postgres has after
// it was started anew, and blocks until they show everything below ends again:
// any process may have answered what stood in the log.
func (v *Visible) Restarted(ctx context.Context, offsets, ends map[int32]int64) error {
	for p, end := range ends {
		v.Answered(domain.Position{Partition: p, Offset: end - 1})
		v.back(p, offsets[p])
	}
	return v.Ready(ctx)
}

// back takes a partition back; what was announced of it may be lost as well.
func (v *Visible) back(partition int32, next int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.heard, partition)
	v.advance(partition, next, nil)
}

// Wait blocks until the position is visible, or ctx ends. Only those whose
// position a batch shows are woken: under load many wait.
func (v *Visible) Wait(ctx context.Context, at domain.Position) error {
	for {
		shown := v.shown(at)
		if shown == nil {
			return nil
		}
		select {
		case <-shown.done:
		case <-ctx.Done():
			v.forget(at.Partition, shown)
			return ctx.Err()
		}
	}
}

// shown waits in line for the position; nil when it is visible.
func (v *Visible) shown(at domain.Position) *waiter {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.next[at.Partition] > at.Offset {
		return nil
	}
	w := &waiter{offset: at.Offset, done: make(chan struct{})}
	v.at(at.Partition).add(w)
	return w
}

func (v *Visible) forget(partition int32, w *waiter) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.at(partition).remove(w)
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
	return of(v.advanced, partition)
}

// Owes is closed when what is owed in the partition may have changed: with a batch that
// says so, and with any that another process projected.
func (v *Visible) Owes(partition int32) <-chan struct{} {
	v.mu.Lock()
	defer v.mu.Unlock()
	return of(v.owing, partition)
}

// of is the channel of a partition.
func of(channels map[int32]chan struct{}, partition int32) <-chan struct{} {
	c, ok := channels[partition]
	if !ok {
		c = make(chan struct{})
		channels[partition] = c
	}
	return c
}
