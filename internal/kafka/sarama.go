package kafka

import (
	"regexp"
	"time"

	"github.com/IBM/sarama"

	"github.com/duolog/duolog/internal/kafka/access"
)

// MaxMessageBytes bounds one record with its framing. Topics take more, so that
// a record of this size fits a batch.
const MaxMessageBytes = 1 << 20

// compressionLevel is the fastest of zstd: the next one takes half as long again
// to save a few bytes in a hundred of what is mostly hashes and new text.
const compressionLevel = 1

// saramaBase is what every client of this package shares. sarama's defaults
// acknowledge with one replica, begin at the newest offset and make topics up;
// none of these holds here. It fails where a file of the access cannot be used.
func (c Config) saramaBase() (*sarama.Config, error) {
	s := sarama.NewConfig()
	s.Version = sarama.V4_0_0_0
	s.ClientID = c.clientID()
	s.ChannelBufferSize = 512
	s.MetricRegistry = unmeasured{s.MetricRegistry}

	s.Net.DialTimeout = 3 * time.Second
	s.Net.ReadTimeout = 10 * time.Second
	s.Net.WriteTimeout = 10 * time.Second
	s.Net.MaxOpenRequests = 1

	s.Metadata.Full = false
	s.Metadata.AllowAutoTopicCreation = false
	s.Metadata.RefreshFrequency = time.Minute
	s.Metadata.Retry.Max = 3
	s.Metadata.Retry.Backoff = 100 * time.Millisecond
	s.Metadata.Timeout = 5 * time.Second

	s.Admin.Timeout = 8 * time.Second
	s.Admin.Retry.Max = 3
	s.Admin.Retry.Backoff = 100 * time.Millisecond

	saramaProducer(s)
	saramaConsumer(s)
	return s, c.saramaAccess(s)
}

// saramaAccess is TLS and SASL. A SCRAM client reads the password itself, when it
// connects; sarama only wants to see that there is one.
func (c Config) saramaAccess(s *sarama.Config) error {
	tls, err := c.Access.ClientTLS()
	if err != nil {
		return err
	}
	s.Net.TLS.Enable, s.Net.TLS.Config = tls != nil, tls
	if c.Access.User == "" {
		return nil
	}
	password, err := c.Access.Password()
	if err != nil {
		return err
	}
	s.Net.SASL.Enable = true
	s.Net.SASL.User = c.Access.User
	s.Net.SASL.Mechanism = sarama.SASLMechanism(c.Access.Mechanism())
	s.Net.SASL.Password = password.String()
	if c.Access.Mechanism() == access.Plain {
		s.Net.SASL.Password = password.Reveal()
	}
	s.Net.SASL.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &scramClient{access: c.Access} }
	return nil
}

// saramaProducer: all replicas, in order, without duplicates within a session.
// The journal and the events have writers of their own. Retries end after about
// two seconds of refused connections, so that a command fails while its caller
// can still say so.
func saramaProducer(s *sarama.Config) {
	s.Producer.RequiredAcks = sarama.WaitForAll
	s.Producer.Idempotent = true
	s.Producer.Timeout = 5 * time.Second
	s.Producer.Compression = sarama.CompressionZSTD
	s.Producer.CompressionLevel = compressionLevel
	s.Producer.MaxMessageBytes = MaxMessageBytes
	s.Producer.Partitioner = sarama.NewManualPartitioner
	s.Producer.Return.Successes = true
	s.Producer.Return.Errors = true
	s.Producer.Retry.Max = 5
	s.Producer.Retry.Backoff = 100 * time.Millisecond
	// Despite the name this also bounds the request for a producer id.
	s.Producer.Transaction.Retry.Max = 5
	s.Producer.Transaction.Retry.Backoff = 100 * time.Millisecond
}

// saramaConsumer: an offset that is gone is an error, never a jump. Uncommitted
// records are read because log order alone decides in the journal; a reader
// that waited for a stranger's transaction could be held for ever.
func saramaConsumer(s *sarama.Config) {
	s.Consumer.Offsets.Initial = sarama.OffsetOldest
	s.Consumer.Group.ResetInvalidOffsets = false
	s.Consumer.Return.Errors = true
	s.Consumer.IsolationLevel = sarama.ReadUncommitted
	s.Consumer.Fetch.Min = 1
	s.Consumer.Fetch.Default = 2 << 20
	s.Consumer.MaxWaitTime = 500 * time.Millisecond
	s.Consumer.Retry.Max = 0 // without end
	s.Consumer.Retry.Backoff = 250 * time.Millisecond
	// One reader has a client of its own: it delays nobody while it works.
	s.Consumer.MaxProcessingTime = 10 * time.Second
}

// saramaAdmin asks for every topic at once: sarama finds no controller otherwise.
func (c Config) saramaAdmin() (*sarama.Config, error) {
	s, err := c.saramaBase()
	if err != nil {
		return nil, err
	}
	s.Metadata.Full = true
	return s, nil
}

// saramaCommands is the base with the journal's partitioner, for keyed topics
// that other languages write too.
func (c Config) saramaCommands() (*sarama.Config, error) {
	s, err := c.saramaBase()
	if err != nil {
		return nil, err
	}
	s.Producer.Partitioner = sarama.NewMurmur2Partitioner
	return s, nil
}

// saramaGroup is for consumer groups, where one client has several partitions
// and a slow one delays the others by up to MaxProcessingTime. A command that a
// stranger's transaction took back must not run, so only committed ones are
// read. A join may take the whole rebalance time, which must exceed the time a
// handler holds a message (25 s), and the read time must exceed both: by as much
// as members may join apart, because a broker that counts the rebalance from the
// last join would never come to its end if the first gave up and joined again.
func (c Config) saramaGroup() (*sarama.Config, error) {
	s, err := c.saramaCommands()
	if err != nil {
		return nil, err
	}
	s.Net.ReadTimeout = 75 * time.Second
	s.Consumer.MaxProcessingTime = 100 * time.Millisecond
	s.Consumer.IsolationLevel = sarama.ReadCommitted
	s.Consumer.Offsets.AutoCommit.Enable = true
	s.Consumer.Offsets.AutoCommit.Interval = time.Second
	s.Consumer.Group.InstanceId = regexp.MustCompile(`[^a-zA-Z0-9._-]`).ReplaceAllString(c.Member, "_")
	s.Consumer.Group.Session.Timeout = 10 * time.Second
	s.Consumer.Group.Heartbeat.Interval = 3 * time.Second
	s.Consumer.Group.Rebalance.Timeout = 35 * time.Second
	s.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategyRange()}
	return s, nil
}
