package kafka

import (
	"context"
	"errors"

	"github.com/IBM/sarama"

	"github.com/duolog/duolog/domain/journal"
)

// JournalSarama is what the journal's clients are built with.
func (c Config) JournalSarama() (*sarama.Config, error) { return c.saramaBase() }

// CommandsSarama is what publishers are built with.
func (c Config) CommandsSarama() (*sarama.Config, error) { return c.saramaCommands() }

// GroupSarama is what subscribers are built with.
func (c Config) GroupSarama() (*sarama.Config, error) { return c.saramaGroup() }

// Greet connects with the configuration of a client that is there already.
func Greet(address string, s *sarama.Config) error { return greet(address, s) }

// ReadFirst fetches the first record of a topic, past all that this package would
// check before.
func ReadFirst(ctx context.Context, cfg Config, topic string) error {
	c, err := dial(ctx, cfg)
	if err != nil {
		return err
	}
	_, err = c.fetch(ctx, place{topic: topic}, fewBytes)
	return errors.Join(err, c.close())
}

// WriteOne appends a record to a topic in the same way.
func WriteOne(cfg Config, topic string) error {
	w := cfg.writer(topic, 0)
	_, err := w.write([]journal.Message{{Key: []byte("k"), Value: []byte("v")}})
	return errors.Join(err, w.close())
}
