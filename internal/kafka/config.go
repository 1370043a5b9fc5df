package kafka

import (
	"cmp"
	"log/slog"
	"net"
	"regexp"
	"time"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/internal/kafka/access"
)

// Config says which cluster and which topics. The zero value needs brokers.
type Config struct {
	// Brokers are the host:port pairs to begin with; the cluster tells the rest.
	// One that is down costs a dial timeout, one of another cluster mixes logs
	// (the genesis check finds that).
	Brokers []string
	// Access is how clients and brokers come to trust each other.
	Access access.Settings
	// Prefix leads every topic name; "duolog" when empty. Another prefix is
	// another log.
	Prefix string
	// ClientID is what the brokers' logs and quotas call this process.
	ClientID string
	// Member names this process in its consumer groups: one that starts again
	// under the same name takes its place at once, without a rebalance. Two
	// processes with one name throw each other out. Empty gives each process a
	// new place, which costs a rebalance when it dies.
	Member string
	// WatchInterval is how often the safety of the log is checked; a minute when
	// zero. Longer leaves a wrong setting in force longer, shorter asks the
	// brokers more often.
	WatchInterval time.Duration
	// Logger takes what no caller can be told. Nil is silence.
	Logger *slog.Logger
}

const maxPrefix = 200 // Kafka's limit for a topic name is 249

// Validate says which field is wrong and what would be right.
func (c Config) Validate() error {
	if len(c.Brokers) == 0 {
		return domain.InvalidField("brokers", "no Kafka broker is given", "name at least one host:port")
	}
	for _, b := range c.Brokers {
		if host, port, err := net.SplitHostPort(b); err != nil || host == "" || port == "" {
			return domain.InvalidField("brokers", "Kafka broker "+b+" is not host:port", "write it like kafka-1:9092")
		}
	}
	if p := c.prefix(); len(p) > maxPrefix || !regexp.MustCompile(`^[a-zA-Z0-9._-]+$`).MatchString(p) {
		return domain.InvalidField("prefix", "topic prefix "+p+" is not a topic name",
			"use up to 200 letters, digits, dots, dashes and underscores")
	}
	if problems := c.Access.Problems(); len(problems) > 0 {
		return problems[0]
	}
	if c.WatchInterval < 0 {
		return domain.InvalidField("watch_interval", "the watch interval is negative", "leave it out for one minute")
	}
	return nil
}

// JournalTopic holds the truth.
func (c Config) JournalTopic() string { return c.prefix() + ".journal" }

// CommandsTopic is the inbox.
func (c Config) CommandsTopic() string { return c.prefix() + ".commands" }

// EventsTopic holds what is published of accepted commits.
func (c Config) EventsTopic() string { return c.prefix() + ".events" }

// RefusedTopic holds commands that could not be taken, with the reason.
func (c Config) RefusedTopic() string { return c.prefix() + ".commands.refused" }

// RepliesTopic is for answers to commands of those who have no topic of their own.
func (c Config) RepliesTopic() string { return c.prefix() + ".replies" }

// Own are the topics that nobody else's messages may come to: those of the log, and
// the brokers' own.
func (c Config) Own() []string {
	return append(c.topics(), "__consumer_offsets", "__transaction_state")
}

func (c Config) topics() []string {
	return []string{c.JournalTopic(), c.CommandsTopic(), c.EventsTopic(), c.RefusedTopic()}
}

func (c Config) prefix() string   { return cmp.Or(c.Prefix, "duolog") }
func (c Config) clientID() string { return cmp.Or(c.ClientID, "duolog") }

func (c Config) watchInterval() time.Duration { return cmp.Or(c.WatchInterval, time.Minute) }

func (c Config) logger() *slog.Logger {
	return cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
}
