package kafka

import (
	"testing"

	"github.com/IBM/sarama"
)

// JournalSarama is what the journal's clients are built with.
func (c Config) JournalSarama(tb testing.TB) *sarama.Config { return made(tb)(c.saramaBase()) }

// CommandsSarama is what publishers are built with.
func (c Config) CommandsSarama(tb testing.TB) *sarama.Config { return made(tb)(c.saramaCommands()) }

// GroupSarama is what subscribers are built with.
func (c Config) GroupSarama(tb testing.TB) *sarama.Config { return made(tb)(c.saramaGroup()) }

func made(tb testing.TB) func(*sarama.Config, error) *sarama.Config {
	tb.Helper()
	return func(s *sarama.Config, err error) *sarama.Config {
		if err != nil {
			tb.Fatal(err)
		}
		return s
	}
}

// Greet connects with the configuration of a client that is there already.
func Greet(address string, s *sarama.Config) error { return greet(address, s) }
