package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/IBM/sarama"
	"github.com/google/uuid"

	"github.com/duolog/duolog/domain/journal"
)

// errNoGenesis says that a partition of the journal is empty.
var errNoGenesis = errors.New("the partition is empty")

// genesis reads record 0 of a partition. It returns errNoGenesis for an empty
// partition and a *SafetyError for one that is not Duolog's.
func (c *conn) genesis(ctx context.Context, partition int32) (journal.Genesis, error) {
	topic := c.cfg.JournalTopic()
	got, err := c.fetch(ctx, place{topic, partition, 0}, fewBytes)
	switch {
	case errors.Is(err, sarama.ErrOffsetOutOfRange):
		return journal.Genesis{}, c.startGone(ctx, partition, err)
	case err != nil:
		return journal.Genesis{}, err
	case got.end == 0:
		return journal.Genesis{}, errNoGenesis
	case len(got.records) == 0 || got.records[0].Position.Offset != 0:
		return journal.Genesis{}, c.foreign(partition, "it has no record 0")
	}
	g, err := journal.ParseGenesis(got.records[0])
	if err != nil {
		return journal.Genesis{}, c.foreign(partition, err.Error())
	}
	return g, nil
}

// startGone confirms that a partition lost its start: one answer of one broker is
// not enough to stop all writing.
func (c *conn) startGone(ctx context.Context, partition int32, cause error) error {
	starts, err := c.offsets(ctx, c.cfg.JournalTopic(), partition+1, sarama.OffsetOldest)
	switch {
	case err != nil:
		return err
	case starts[partition] == 0:
		return cause
	}
	return c.truncated(partition, 0)
}

// allGenesis checks that the partitions belong to one log and returns what
// partition 0 says. found is how many partitions the topic has.
func (c *conn) allGenesis(ctx context.Context, found int32) (journal.Genesis, error) {
	first, err := c.genesis(ctx, 0)
	if errors.Is(err, errNoGenesis) {
		return first, c.unfinished(0)
	}
	if err == nil && found != first.Partitions {
		err = c.recount(first, found)
	}
	if err != nil {
		return first, err
	}
	for p := int32(1); p < found; p++ {
		g, err := c.genesis(ctx, p)
		switch {
		case errors.Is(err, errNoGenesis):
			return first, c.unfinished(p)
		case err != nil:
			return first, err
		case g.Log != first.Log || g.Partitions != first.Partitions:
			return first, c.mixed(p, g, first)
		}
	}
	return first, nil
}

func (c *conn) unfinished(partition int32) *SafetyError {
	return &SafetyError{
		Problem: fmt.Sprintf("partition %d of the journal topic %s has no genesis record: the log was not initialised, or not to its end.",
			partition, c.cfg.JournalTopic()),
		Fix: "duolog journal init",
	}
}

// gone is what a running process finds in place of its journal: nothing. init
// would begin another log.
func (c *conn) gone(log uuid.UUID) *SafetyError {
	return &SafetyError{
		Problem: fmt.Sprintf("the journal topic %s of log %s is gone or empty.", c.cfg.JournalTopic(), log),
		Fix:     "restore the topic from a copy, or point Duolog at the cluster of its log.",
	}
}

func (c *conn) recount(g journal.Genesis, found int32) *SafetyError {
	return &SafetyError{
		Problem: fmt.Sprintf("the journal topic %s has %d partitions, its genesis says %d: the count is for ever, because it decides where a key belongs.",
			c.cfg.JournalTopic(), found, g.Partitions),
		Fix: fmt.Sprintf("stop all nodes, copy the first %d partitions, offset by offset, into a topic of that many with the same settings, put it in the place of this one, and start again.", g.Partitions),
	}
}

func (c *conn) foreign(partition int32, why string) *SafetyError {
	return &SafetyError{
		Problem: fmt.Sprintf("the topic %s is not a Duolog journal: record %d:0 says %s.", c.cfg.JournalTopic(), partition, why),
		Fix:     "put the journal back in its place; a new log takes another topic prefix (or an empty topic) and a database of its own. (Duolog writes nothing into a foreign log.)",
	}
}

func (c *conn) mixed(partition int32, g, first journal.Genesis) *SafetyError {
	return &SafetyError{
		Problem: fmt.Sprintf("the journal topic %s is a mixture: partition %d belongs to log %s of %d partitions, partition 0 to log %s of %d.",
			c.cfg.JournalTopic(), partition, g.Log, g.Partitions, first.Log, first.Partitions),
		Fix: "stop all nodes, restore the topic from one copy of one log, and start again.",
	}
}

func (c *conn) otherLog(was, is uuid.UUID) *SafetyError {
	return &SafetyError{
		Problem: fmt.Sprintf("the journal topic %s is now log %s; this process began with log %s.", c.cfg.JournalTopic(), is, was),
		Fix:     "put the journal of log " + was.String() + " back in its place; or stop all nodes and start them with a database of the new log.",
	}
}

func (c *conn) truncated(partition int32, wanted int64) *SafetyError {
	return &SafetyError{
		Problem: fmt.Sprintf("partition %d of the journal topic %s no longer has offset %d: the start of the truth was deleted.",
			partition, c.cfg.JournalTopic(), wanted),
		Fix: "find what deletes records (retention, kafka-delete-records) and stop it. Then stop all nodes, restore the topic from a copy, and start them again.",
	}
}

func (c *conn) ahead(partition int32, wanted, end int64) *SafetyError {
	return &SafetyError{
		Problem: fmt.Sprintf("offset %d of partition %d is wanted, but the journal topic %s ends before %d: the database is ahead of the log.",
			wanted, partition, c.cfg.JournalTopic(), end),
		Fix: "point Duolog at the log that the database was built from, or rebuild the database from this log: duolog projection rebuild",
	}
}
