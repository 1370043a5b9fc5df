package kafka

import (
	"errors"
	"hash/maphash"

	"github.com/ThreeDotsLabs/watermill/message"
)

// commandProducers is how many producers commands go through.
const commandProducers = 8

// spread publishes through several publishers, what has one key through the same
// one, in order. An idempotent producer has one request on its way at a time, for
// all partitions: alone it would make every command wait for those before it.
type spread struct {
	seed maphash.Seed
	over []message.Publisher
}

// Publish implements message.Publisher.
func (s *spread) Publish(topic string, msgs ...*message.Message) error {
	for _, m := range msgs {
		of := maphash.String(s.seed, m.Metadata.Get(MetadataKey)) % uint64(len(s.over))
		if err := s.over[of].Publish(topic, m); err != nil {
			return err
		}
	}
	return nil
}

// Close implements message.Publisher.
func (s *spread) Close() error {
	var errs []error
	for _, p := range s.over {
		errs = append(errs, p.Close())
	}
	return errors.Join(errs...)
}
