package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/IBM/sarama"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
)

// maxSendBytes is how much one send combines.
const maxSendBytes = 4 << 20

// recordOverhead is more than the framing of a record and of one header.
const recordOverhead, headerOverhead = 64, 16

var (
	errClosed  = errors.New("the log is closed")
	errUnacked = errors.New("the broker has the records but did not say where")
)

// appender writes one partition of one topic. Appends that wait together are
// sent together, without lingering. It has a producer, and with it a
// connection, of its own, because a producer has one request in flight per
// broker and partitions would wait for each other.
type appender struct {
	topic     string
	partition int32
	connect   func() (sarama.SyncProducer, error)
	// allowed refuses while the log is unsafe.
	allowed func() error

	mu      sync.Mutex
	waiting []*request
	busy    bool // a goroutine runs drain
	closed  bool
	drained sync.WaitGroup

	// producer belongs to the goroutine that runs drain.
	producer sarama.SyncProducer
}

// request is one append on its way.
type request struct {
	messages []*sarama.ProducerMessage
	bytes    int
	done     chan error // takes one outcome
}

func newRequest(topic string, msgs []journal.Message) *request {
	r := &request{done: make(chan error, 1)}
	for _, m := range msgs {
		r.messages = append(r.messages, produced(topic, m))
		r.bytes += m.Size() + recordOverhead
	}
	return r
}

func produced(topic string, m journal.Message) *sarama.ProducerMessage {
	out := &sarama.ProducerMessage{Topic: topic, Partition: m.Partition, Offset: -1, Timestamp: m.Time}
	if m.Key != nil {
		out.Key = sarama.ByteEncoder(m.Key)
	}
	if m.Value != nil {
		out.Value = sarama.ByteEncoder(m.Value)
	}
	for _, h := range m.Headers {
		out.Headers = append(out.Headers, sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value})
	}
	return out
}

// append waits for the acknowledgement or for ctx, whichever is first. A
// request that ctx overtakes before it was sent is dropped; one that is on its
// way goes on.
func (a *appender) append(ctx context.Context, msgs []journal.Message) ([]domain.Position, error) {
	r := newRequest(a.topic, msgs)
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
	out := make([]domain.Position, len(r.messages))
	for i, m := range r.messages {
		out[i] = domain.Position{Partition: a.partition, Offset: m.Offset}
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
	for n < len(a.waiting) && (n == 0 || bytes+a.waiting[n].bytes <= maxSendBytes) {
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

func (a *appender) send(batch []*request) {
	err := a.allowed()
	if err == nil && a.producer == nil {
		a.producer, err = a.connect()
	}
	if err != nil {
		for _, r := range batch {
			r.done <- err
		}
		return
	}
	var all []*sarama.ProducerMessage
	for _, r := range batch {
		all = append(all, r.messages...)
	}
	err = a.producer.SendMessages(all)
	finish(batch, err)
	if err != nil {
		// Nothing is in flight now. A new session numbers its records anew, so no
		// sequence of the failed one can hold the next ones up.
		_ = a.producer.Close()
		a.producer = nil
	}
}

// finish tells each request of a send its own outcome: one whose messages were
// all acknowledged succeeded, whatever became of its neighbours.
func finish(batch []*request, err error) {
	failed := map[*sarama.ProducerMessage]error{}
	var each sarama.ProducerErrors
	known := errors.As(err, &each)
	for _, e := range each {
		failed[e.Msg] = e.Err
	}
	for _, r := range batch {
		outcome := err
		if known || err == nil {
			outcome = r.outcome(failed)
		}
		r.done <- outcome
	}
}

// outcome is the first failure. sarama reports a duplicate that the broker
// recognised as a success without an offset; where it stands is not known.
func (r *request) outcome(failed map[*sarama.ProducerMessage]error) error {
	for _, m := range r.messages {
		if err := failed[m]; err != nil {
			return err
		}
		if m.Offset < 0 {
			return errUnacked
		}
	}
	return nil
}

// close refuses new appends, waits for those on their way and disconnects.
func (a *appender) close() error {
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	a.drained.Wait()
	if a.producer == nil {
		return nil
	}
	err := a.producer.Close()
	a.producer = nil
	return err
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
