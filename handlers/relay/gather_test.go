package relay_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/relay"
)

// counted counts appends.
type counted struct {
	relay.Topic
	n atomic.Int64
}

func (c *counted) AppendEvents(ctx context.Context, partition int32, messages []journal.Message) error {
	c.n.Add(1)
	return c.Topic.AppendEvents(ctx, partition, messages)
}

func step() workflow.Command {
	return &workflow.SaveCheckpoint{ThreadTS: uuid.Must(uuid.NewV7()), Checkpoint: []byte(`{"channel_values":{}}`), Metadata: []byte("{}")}
}

// TestStepsArePublishedTogether: the events of steps wait for others, and go with the
// first event that is none, which waits for nothing.
func TestStepsArePublishedTogether(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.gather = time.Hour
	topic := &counted{Topic: r.Log}
	r.relay(topic)
	id := r.work(1)
	r.once()
	topic.n.Store(0)
	for range 5 {
		r.do(id, step())
	}
	r.do(id, &workflow.UpdateStatus{Event: "finish"})
	r.once()
	if n := topic.n.Load(); n != 1 {
		t.Errorf("%d appends for five steps and what came after them", n)
	}
}

// TestStepsAloneArePublished: steps that nothing follows are published all the same.
func TestStepsAloneArePublished(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.relay(r.Log)
	id := r.work(1)
	for range 3 {
		r.do(id, step())
	}
	r.once()
}
