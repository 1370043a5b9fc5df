package kafka

import (
	"context"
	"sync"

	"github.com/IBM/sarama"
)

// headerType is where a CloudEvent in binary mode says its type.
const headerType = "ce_type"

// selecting hands over those records of a consumer group's claims that are wanted by
// their type, "" where they have none. The others count as acknowledged, unread: nearly
// every event is a step of an agent, and what Watermill does for each message costs more
// than all the rest of reading it.
type selecting struct {
	sarama.ConsumerGroupHandler
	wants func(eventType string) bool
}

// ConsumeClaim implements sarama.ConsumerGroupHandler.
func (s selecting) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	ctx, cancel := context.WithCancel(session.Context())
	c := &selection{claim: claim, session: session, wants: s.wants, out: make(chan *sarama.ConsumerMessage)}
	var reading sync.WaitGroup
	reading.Go(func() { c.read(ctx) })
	err := s.ConsumerGroupHandler.ConsumeClaim(selectedSession{session, c}, selectedClaim{claim, c})
	cancel()
	reading.Wait()
	return err
}

// selection is one claim on its way through.
type selection struct {
	claim   sarama.ConsumerGroupClaim
	session sarama.ConsumerGroupSession
	wants   func(eventType string) bool
	out     chan *sarama.ConsumerMessage

	mu sync.Mutex
	// held are the records that were handed over and are not acknowledged, skipped is
	// the last one that was passed over meanwhile: nothing is acknowledged before what
	// stands in front of it.
	held    int
	skipped *sarama.ConsumerMessage
}

// read goes through the claim until it or ctx ends.
func (c *selection) read(ctx context.Context) {
	defer close(c.out)
	for m := range c.claim.Messages() {
		if !c.wants(typeOf(m)) {
			c.skip(m)
			continue
		}
		c.hold()
		select {
		case c.out <- m:
		case <-ctx.Done(): // it comes again
			return
		}
	}
}

func (c *selection) hold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held++
}

func (c *selection) skip(m *sarama.ConsumerMessage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.skipped = m; c.held == 0 {
		c.pass()
	}
}

// acknowledged is told of each record that was handed over.
func (c *selection) acknowledged(m *sarama.ConsumerMessage, metadata string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session.MarkMessage(m, metadata)
	if c.held--; c.held == 0 && c.skipped != nil {
		c.pass()
	}
}

func (c *selection) pass() {
	c.session.MarkMessage(c.skipped, "")
	c.skipped = nil
}

// selectedClaim and selectedSession are what the handler sees.
type (
	selectedClaim struct {
		sarama.ConsumerGroupClaim
		of *selection
	}
	selectedSession struct {
		sarama.ConsumerGroupSession
		of *selection
	}
)

// Messages implements sarama.ConsumerGroupClaim.
func (c selectedClaim) Messages() <-chan *sarama.ConsumerMessage { return c.of.out }

// MarkMessage implements sarama.ConsumerGroupSession.
func (s selectedSession) MarkMessage(m *sarama.ConsumerMessage, metadata string) {
	s.of.acknowledged(m, metadata)
}

func typeOf(m *sarama.ConsumerMessage) string {
	for _, h := range m.Headers {
		if string(h.Key) == headerType {
			return string(h.Value)
		}
	}
	return ""
}
