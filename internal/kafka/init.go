package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/uuid"

	"github.com/duolog/duolog/domain/journal"
)

const (
	readyPoll = 50 * time.Millisecond
	// repliesRetention is a week, in milliseconds: an answer is of no use for longer.
	repliesRetention = "604800000"
)

// Init makes the topics and writes the genesis records, partition 0 first. It
// may run again: it finishes what was begun and returns the log that is there.
// A replication of -1 is the cluster's default.
//
// Two starters that both find partition 0 empty both write a first record. So
// what is read back at 0:0 is the log's id, and the other partitions get that
// one; a second genesis behind it is a record that admission ignores. A crash
// between two partitions leaves a log that Open refuses and Init finishes.
//
// It fails with a *SafetyError for a log that is not Duolog's, has another
// partition count or lost its start.
func Init(ctx context.Context, cfg Config, partitions int32, replication int16, newID func() uuid.UUID) (journal.Genesis, error) {
	if partitions < 1 {
		return journal.Genesis{}, errors.New("init journal: at least one partition is needed")
	}
	c, err := dial(ctx, cfg)
	if err != nil {
		return journal.Genesis{}, err
	}
	defer func() { _ = c.close() }()
	if err := c.createTopics(ctx, partitions, replication); err != nil {
		return journal.Genesis{}, fmt.Errorf("init journal: %w", cfg.withoutRight(err))
	}
	g, err := c.writeGenesis(ctx, partitions, newID)
	return g, cfg.withoutRight(err)
}

// createTopics makes what is missing and waits until every partition can be
// written. Where somebody made the topics already it takes no right to make any.
func (c *conn) createTopics(ctx context.Context, partitions int32, replication int16) error {
	there, err := c.counts(ctx, c.cfg.topics())
	if err != nil {
		return err
	}
	wanted := c.cfg.topics()
	if there[c.cfg.JournalTopic()] == 0 {
		wanted = append(wanted, c.cfg.RepliesTopic()) // for convenience: nothing of Duolog stands on it
	}
	for _, topic := range wanted {
		if there[topic] == 0 {
			if err := c.createTopic(ctx, topic, partitions, replication); err != nil {
				return fmt.Errorf("create topic %s: %w", topic, err)
			}
		}
		if err := c.waitReady(ctx, topic); err != nil {
			return fmt.Errorf("wait for topic %s: %w", topic, err)
		}
	}
	return c.checkCounts(ctx, partitions)
}

// createTopic makes a topic, unless somebody was faster.
func (c *conn) createTopic(ctx context.Context, topic string, partitions int32, replication int16) error {
	detail := &sarama.TopicDetail{
		NumPartitions: partitions, ReplicationFactor: replication, ConfigEntries: topicConfig(replication),
	}
	switch topic {
	case c.cfg.RefusedTopic():
		detail.NumPartitions = 1 // read by people, in one order
	case c.cfg.RepliesTopic():
		detail.ConfigEntries["retention.ms"] = new(repliesRetention)
	}
	_, err := await(ctx, func() (struct{}, error) {
		return struct{}{}, c.admin.CreateTopic(topic, detail, false)
	}, nil)
	if errors.Is(err, sarama.ErrTopicAlreadyExists) {
		return nil
	}
	return err
}

// checkCounts refuses another count than the one asked for, before anything is
// written.
func (c *conn) checkCounts(ctx context.Context, partitions int32) error {
	counts, err := c.counts(ctx, c.cfg.topics())
	if err != nil {
		return err
	}
	topic := c.cfg.JournalTopic()
	found := counts[topic]
	g, err := c.genesis(ctx, 0)
	switch {
	case errors.Is(err, errNoGenesis):
		g.Partitions = found
	case err != nil:
		return err
	}
	if g.Partitions != found {
		return c.recount(g, found)
	}
	if found != partitions {
		return &SafetyError{
			Problem: fmt.Sprintf("the journal topic %s has %d partitions, not %d, and the count is for ever.", topic, found, partitions),
			Fix:     fmt.Sprintf("duolog journal init --partitions %d, or choose another topic prefix", found),
		}
	}
	if unsafe := firstProblem([]Finding{c.checkEvents(found, counts[c.cfg.EventsTopic()])}); unsafe != nil {
		return unsafe
	}
	return nil
}

// topicConfig is the same for all topics: nothing is deleted by itself. Three
// replicas are only worth something if two of them must have a record.
func topicConfig(replication int16) map[string]*string {
	out := map[string]*string{}
	for _, s := range settings() {
		out[s.topicKey] = new(s.want)
	}
	if replication >= 3 {
		out["min.insync.replicas"] = new("2")
	}
	return out
}

// waitReady asks until every partition of the topic has a leader.
func (c *conn) waitReady(ctx context.Context, topic string) error {
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for {
		ready, err := await(ctx, func() (bool, error) { return c.ready(topic), nil }, nil)
		if err != nil || ready {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (c *conn) ready(topic string) bool {
	if c.client.RefreshMetadata(topic) != nil {
		return false
	}
	all, err1 := c.client.Partitions(topic)
	writable, err2 := c.client.WritablePartitions(topic)
	return err1 == nil && err2 == nil && len(all) > 0 && len(all) == len(writable)
}

func (c *conn) writeGenesis(ctx context.Context, partitions int32, newID func() uuid.UUID) (journal.Genesis, error) {
	first, err := c.genesis(ctx, 0)
	if errors.Is(err, errNoGenesis) {
		first = journal.Genesis{Log: newID(), Partitions: partitions, Partitioner: journal.Partitioner, Format: journal.Version}
		first, err = c.writeOne(ctx, first)
	}
	if err != nil {
		return journal.Genesis{}, fmt.Errorf("init journal partition 0: %w", err)
	}
	if first.Partitions != partitions {
		return journal.Genesis{}, c.recount(first, partitions)
	}
	for p := int32(1); p < partitions; p++ {
		g, err := c.genesis(ctx, p)
		if errors.Is(err, errNoGenesis) {
			g = first
			g.Partition = p
			g, err = c.writeOne(ctx, g)
		}
		if err != nil {
			return journal.Genesis{}, fmt.Errorf("init journal partition %d: %w", p, err)
		}
		if g.Log != first.Log || g.Partitions != first.Partitions {
			return journal.Genesis{}, c.mixed(p, g, first)
		}
	}
	return first, nil
}

// writeOne appends a genesis record and returns the one that came first.
func (c *conn) writeOne(ctx context.Context, g journal.Genesis) (journal.Genesis, error) {
	m, err := g.Message()
	if err != nil {
		return journal.Genesis{}, err
	}
	_, err = await(ctx, func() (int64, error) {
		w := c.cfg.writer(c.cfg.JournalTopic(), g.Partition)
		at, err := w.write([]journal.Message{m})
		return at, errors.Join(err, w.close())
	}, nil)
	if err != nil {
		return journal.Genesis{}, err
	}
	return c.genesis(ctx, g.Partition)
}
