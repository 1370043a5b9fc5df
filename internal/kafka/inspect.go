package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/IBM/sarama"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
)

// Check looks at everything that doctor wants to know. It returns what it could
// see; a broker that does not answer is the last finding.
func Check(ctx context.Context, cfg Config) []Finding {
	c, err := dial(ctx, cfg)
	if err != nil {
		return []Finding{unreachable(err)}
	}
	defer func() { _ = c.close() }()
	findings := []Finding{good("kafka brokers")}
	_, seen, err := c.inspect(ctx)
	findings = append(findings, seen...)
	if err != nil {
		findings = append(findings, unreachable(cfg.withoutRight(err)))
	}
	return findings
}

func unreachable(err error) Finding {
	if known, ok := errors.AsType[*domain.Error](err); ok {
		return Finding{Name: "kafka brokers", Problem: known.Message, Fix: known.Fix}
	}
	return Finding{
		Name: "kafka brokers", Problem: "Kafka does not answer: " + err.Error(),
		Fix: "start the brokers, or name the right ones",
	}
}

// inspect looks at topics, genesis records, starts and settings, in an order in
// which each step needs the one before it. It ends early where a step fails.
func (c *conn) inspect(ctx context.Context) (journal.Genesis, []Finding, error) {
	var g journal.Genesis
	counts, err := c.counts(ctx, c.cfg.topics())
	if err != nil {
		return g, nil, err
	}
	findings := c.checkTopics(counts)
	if firstProblem(findings) != nil {
		return g, findings, nil //nolint:nilerr // the findings say it
	}
	g, err = c.allGenesis(ctx, counts[c.cfg.JournalTopic()])
	if unsafe, ok := errors.AsType[*SafetyError](err); ok {
		return g, append(findings, bad("genesis", unsafe)), nil
	}
	if err != nil {
		return g, findings, err
	}
	findings = append(findings, good("genesis"))
	rest, err := c.checkLog(ctx, g, counts)
	return g, append(findings, rest...), err
}

// checkLog is the part that can go wrong under a running process.
func (c *conn) checkLog(ctx context.Context, g journal.Genesis, counts map[string]int32) ([]Finding, error) {
	starts, err := c.checkStarts(ctx, g.Partitions)
	if err != nil {
		return nil, err
	}
	findings := []Finding{starts, c.checkEvents(g.Partitions, counts[c.cfg.EventsTopic()])}
	for _, t := range []struct{ what, topic string }{
		{"journal", c.cfg.JournalTopic()}, {"commands", c.cfg.CommandsTopic()},
	} {
		seen, err := c.settingsOf(ctx, t.what, t.topic)
		if err != nil {
			return findings, err
		}
		findings = append(findings, seen...)
	}
	return findings, nil
}

// Identify reads whose log the journal topic is, whatever else is wrong with it.
// CodeNotFound says that there is none.
func Identify(ctx context.Context, cfg Config) (journal.Genesis, error) {
	c, err := dial(ctx, cfg)
	if err != nil {
		return journal.Genesis{}, err
	}
	defer func() { _ = c.close() }()
	none := &domain.Error{Code: domain.CodeNotFound, Message: "there is no journal in topic " + cfg.JournalTopic()}
	counts, err := c.counts(ctx, []string{cfg.JournalTopic()})
	switch {
	case err != nil:
		return journal.Genesis{}, cfg.withoutRight(err)
	case counts[cfg.JournalTopic()] == 0:
		return journal.Genesis{}, none
	}
	g, err := c.genesis(ctx, 0)
	if errors.Is(err, errNoGenesis) {
		err = none
	}
	return g, cfg.withoutRight(err)
}

// initCommand makes what is missing of a log whose journal may be there.
func initCommand(journalCount int32) string {
	if journalCount == 0 {
		return "duolog journal init"
	}
	return fmt.Sprintf("duolog journal init --partitions %d", journalCount)
}

func (c *conn) checkTopics(counts map[string]int32) []Finding {
	var out []Finding
	for _, topic := range c.cfg.topics() {
		if name := "topic " + topic; counts[topic] > 0 {
			out = append(out, good(name))
		} else {
			out = append(out, bad(name, &SafetyError{
				Problem: fmt.Sprintf("the topic %s does not exist.", topic), Fix: initCommand(counts[c.cfg.JournalTopic()]),
			}))
		}
	}
	return out
}

// checkEvents: the owner of a journal partition publishes to the same one.
func (c *conn) checkEvents(journalCount, eventsCount int32) Finding {
	const name = "events partitions"
	if journalCount == eventsCount {
		return good(name)
	}
	return bad(name, &SafetyError{
		Problem: fmt.Sprintf("the events topic %s has %d partitions, the journal has %d; they must be the same.",
			c.cfg.EventsTopic(), eventsCount, journalCount),
		Fix: "stop all nodes, delete the topic " + c.cfg.EventsTopic() + ", run: " + initCommand(journalCount) + "\nand start the nodes again. The events are published again from the journal.",
	})
}

func (c *conn) checkStarts(ctx context.Context, partitions int32) (Finding, error) {
	const name = "start of the log"
	starts, err := c.offsets(ctx, c.cfg.JournalTopic(), partitions, sarama.OffsetOldest)
	if err != nil {
		return Finding{}, err
	}
	for p := range partitions {
		if starts[p] != 0 {
			return bad(name, c.truncated(p, 0)), nil
		}
	}
	return good(name), nil
}
