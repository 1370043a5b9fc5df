package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/IBM/sarama"
)

// setting is one property of a topic that the truth depends on.
type setting struct {
	topicKey string
	// brokerKey is where the default stands, unset what Kafka takes when nobody
	// says anything.
	brokerKey, unset string
	want             string
	ok               func(value string) bool
	// problem continues "the … topic …".
	problem func(value string) string
}

func settings() []setting {
	return []setting{
		{
			topicKey: "retention.ms", brokerKey: "log.retention.ms", unset: "604800000", want: "-1", ok: is("-1"),
			problem: func(v string) string {
				return "keeps records for " + humanMillis(v) + ", so it would delete its own truth."
			},
		},
		{
			topicKey: "retention.bytes", brokerKey: "log.retention.bytes", unset: "-1", want: "-1", ok: is("-1"),
			problem: func(v string) string {
				return "keeps only " + v + " bytes of a partition, so it would delete its own truth."
			},
		},
		{
			topicKey: "cleanup.policy", brokerKey: "log.cleanup.policy", unset: "delete", want: "delete", ok: is("delete"),
			problem: func(v string) string {
				return "has cleanup.policy=" + v + ", which takes out records that later ones stand on."
			},
		},
		{
			topicKey: "unclean.leader.election.enable", brokerKey: "unclean.leader.election.enable", unset: "false", want: "false", ok: is("false"),
			problem: func(string) string {
				return "allows unclean leader election, so a replica that missed records could become the log."
			},
		},
		{
			topicKey: "max.message.bytes", brokerKey: "message.max.bytes", unset: "1048588", want: topicMessageBytes, ok: atLeast(MaxMessageBytes),
			problem: func(v string) string {
				return "takes records of " + v + " bytes only; Duolog writes up to " + strconv.Itoa(MaxMessageBytes) + "."
			},
		},
	}
}

// topicMessageBytes is what init sets: a record of MaxMessageBytes that does
// not compress still fits with the framing of its batch.
const topicMessageBytes = "2097152"

func is(want string) func(string) bool { return func(v string) bool { return v == want } }

func atLeast(n int) func(string) bool {
	return func(v string) bool { got, err := strconv.Atoi(v); return err == nil && got >= n }
}

func humanMillis(v string) string {
	ms, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		return v + " ms"
	}
	d := time.Duration(ms) * time.Millisecond
	switch {
	case d >= 48*time.Hour && d%(24*time.Hour) == 0:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	case d >= time.Second:
		return d.String()
	}
	return v + " ms"
}

// settingsOf looks at one topic. what is its name in a sentence: journal, commands.
func (c *conn) settingsOf(ctx context.Context, what, topic string) ([]Finding, error) {
	values, err := c.describe(ctx, sarama.TopicResource, topic)
	if err != nil {
		return nil, err
	}
	defaults := map[string]string{}
	for _, s := range settings() {
		if _, ok := values[s.topicKey]; !ok {
			if defaults, err = c.brokerDefaults(ctx); err != nil {
				return nil, err
			}
			break
		}
	}
	var out []Finding
	for _, s := range settings() {
		name := topic + " " + s.topicKey
		value := cmp.Or(values[s.topicKey], defaults[s.brokerKey], s.unset)
		if s.ok(value) {
			out = append(out, good(name))
			continue
		}
		out = append(out, bad(name, &SafetyError{
			Problem: fmt.Sprintf("the %s topic %s %s", what, topic, s.problem(value)),
			Fix:     c.alterCommand(topic, s),
		}))
	}
	return out, nil
}

func (c *conn) alterCommand(topic string, s setting) string {
	return "kafka-configs --bootstrap-server " + strings.Join(c.cfg.Brokers, ",") +
		" --alter --entity-type topics --entity-name " + topic + " --add-config " + s.topicKey + "=" + s.want
}

func (c *conn) describe(ctx context.Context, kind sarama.ConfigResourceType, name string) (map[string]string, error) {
	results, err := await(ctx, func() ([]*sarama.ConfigResourceResult, error) {
		return c.admin.DescribeConfigs([]*sarama.ConfigResource{{Type: kind, Name: name}}, sarama.DescribeConfigsOptions{})
	}, nil)
	if err != nil {
		return nil, fmt.Errorf("describe settings of %s: %w", name, err)
	}
	out := map[string]string{}
	for _, r := range results {
		if !errors.Is(r.ErrorCode, sarama.ErrNoError) {
			return nil, fmt.Errorf("describe settings of %s: %w", name, r.ErrorCode)
		}
		for _, e := range r.Configs {
			out[e.Name] = e.Value
		}
	}
	return out, nil
}

// brokerDefaults asks one broker; a cluster whose brokers differ in these is
// answered for by the topic's own settings, which init writes.
func (c *conn) brokerDefaults(ctx context.Context) (map[string]string, error) {
	brokers := c.client.Brokers()
	if len(brokers) == 0 {
		return map[string]string{}, nil
	}
	return c.describe(ctx, sarama.BrokerResource, strconv.Itoa(int(brokers[0].ID())))
}
