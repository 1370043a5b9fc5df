package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
)

// recordOverhead is more than the framing of a record and of one header.
const recordOverhead, headerOverhead = 64, 16

var errClosed = errors.New("the log is closed")

// appender writes one partition of the journal. Appends that wait together are
// sent together, without lingering.
type appender struct {
	topic     string
	partition int32
	// allowed refuses while the log is unsafe.
	allowed func() error

	mu      sync.Mutex
	waiting []*request
	busy    bool // a goroutine runs drain
	closed  bool
	drained sync.WaitGroup

	// writer belongs to the goroutine that runs drain.
	writer *writer
}

// request is one append on its way.
type request struct {
	messages []journal.Message
	// offsets are where they stand, once they are written.
	offsets []int64
	bytes   int
	done    chan error // takes one outcome
}

func newRequest(msgs []journal.Message) *request {
	r := &request{messages: msgs, done: make(chan error, 1)}
	for _, m := range msgs {
		r.bytes += weight(m)
	}
	return r
}

// append waits for the acknowledgement or for ctx, whichever is first. A
// request that ctx overtakes before it was sent is dropped; one that is on its
// way goes on.
func (a *appender) append(ctx context.Context, msgs []journal.Message) ([]domain.Position, error) {
	r := newRequest(msgs)
	if err := a.enqueue(r); err != nil {
		return nil, fmt.Errorf("append to %s partition %d: %w", a.topic, a.partition, err)
	}
	var err error
	select {
	case err = <-r.done:
	case <-ctx.Done():
		a.forget(r)
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("append to %s partition %d: %w", a.topic, a.partition, err)
	}
	out := make([]domain.Position, len(r.offsets))
	for i, offset := range r.offsets {
		out[i] = domain.Position{Partition: a.partition, Offset: offset}
	}
	return out, nil
}

func (a *appender) enqueue(r *request) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return errClosed
	}
	a.waiting = append(a.waiting, r)
	if !a.busy {
		a.busy = true
		a.drained.Go(a.drain)
	}
	return nil
}

func (a *appender) forget(r *request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, w := range a.waiting {
		if w == r {
			a.waiting = append(a.waiting[:i:i], a.waiting[i+1:]...)
			return
		}
	}
}

// drain sends until nothing waits.
func (a *appender) drain() {
	for batch := a.take(); len(batch) > 0; batch = a.take() {
		a.send(batch)
	}
}

// take removes what fits one send, and ends drain's turn when there is nothing.
func (a *appender) take() []*request {
	a.mu.Lock()
	defer a.mu.Unlock()
	n, bytes := 0, 0
	for n < len(a.waiting) && (n == 0 || bytes+a.waiting[n].bytes <= MaxMessageBytes) {
		bytes += a.waiting[n].bytes
		n++
	}
	batch := a.waiting[:n:n]
	a.waiting = a.waiting[n:]
	if n == 0 {
		a.waiting, a.busy = nil, false
	}
	return batch
}

// send writes requests together: those that fit one batch of records have the
// same outcome.
func (a *appender) send(batch []*request) {
	var all []journal.Message
	for _, r := range batch {
		all = append(all, r.messages...)
	}
	offsets, err := a.write(all)
	for _, r := range batch {
		if err == nil {
			r.offsets, offsets = offsets[:len(r.messages)], offsets[len(r.messages):]
		}
		r.done <- err
	}
}

// write writes messages, a request that is larger than a batch in several. Then
// records of others may stand between them.
func (a *appender) write(msgs []journal.Message) ([]int64, error) {
	offsets := make([]int64, 0, len(msgs))
	for _, batch := range batches(msgs) {
		if err := a.allowed(); err != nil {
			return nil, err
		}
		base, err := a.writer.write(batch)
		if err != nil {
			return nil, err
		}
		for i := range batch {
			offsets = append(offsets, base+int64(i))
		}
	}
	return offsets, nil
}

// close refuses new appends, waits for those on their way and disconnects.
func (a *appender) close() error {
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	a.drained.Wait()
	return a.writer.close()
}

// weight is more than what the message takes in a batch.
func weight(m journal.Message) int {
	return m.Size() + recordOverhead + headerOverhead*len(m.Headers)
}

// checkSize refuses what Kafka would refuse, before anything is sent.
func checkSize(m journal.Message) error {
	if size := weight(m); size > MaxMessageBytes {
		return &domain.Error{
			Code: domain.CodeTooLarge, Message: fmt.Sprintf("a record of %d bytes exceeds %d", size, MaxMessageBytes),
			Fix: "send less at once",
		}
	}
	return nil
}
