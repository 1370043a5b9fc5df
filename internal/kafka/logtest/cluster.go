package logtest

import (
	"context"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/internal/kafka"
)

const (
	patience   = 60 * time.Second // before a test gives up waiting
	partitions = 4
)

// Cluster is what a test runs on.
type Cluster struct {
	Brokers []string
	// Stop takes the brokers away and returns what brings them back with their
	// data. Nil where a test may not do that.
	Stop func() (restart func())
}

// Kfake is a cluster in this process, with its data on disk, that ends with the
// test.
func Kfake(tb testing.TB) Cluster {
	tb.Helper()
	dir := tb.TempDir()
	start := func(port int) *kfake.Cluster {
		c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(port), kfake.DataDir(dir), kfake.SyncWrites())
		if err != nil {
			tb.Fatalf("start kfake: %v", err)
		}
		return c
	}
	cluster := start(0)
	tb.Cleanup(func() { cluster.Close() })
	addr := cluster.ListenAddrs()[0]
	_, text, err := net.SplitHostPort(addr)
	if err != nil {
		tb.Fatalf("kfake address: %v", err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		tb.Fatalf("kfake port: %v", err)
	}
	return Cluster{
		Brokers: []string{addr},
		Stop: func() func() {
			cluster.Close()
			return func() { cluster = start(port) }
		},
	}
}

// Config is a configuration with topics that nobody else uses.
func (c Cluster) Config() kafka.Config {
	return kafka.Config{Brokers: c.Brokers, Prefix: "test-" + uuid.NewString()[:13], ClientID: "logtest"}
}

// fixture is one log and the hands that tamper with it.
type fixture struct {
	t     *testing.T
	ctx   context.Context // of the test
	cfg   kafka.Config
	admin sarama.ClusterAdmin
}

func newFixture(t *testing.T, c Cluster) *fixture {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	admin, err := sarama.NewClusterAdmin(c.Brokers, plainConfig())
	if err != nil {
		t.Fatalf("connect admin: %v", err)
	}
	t.Cleanup(func() { _ = admin.Close() })
	return &fixture{t: t, ctx: ctx, cfg: c.Config(), admin: admin}
}

func plainConfig() *sarama.Config {
	s := sarama.NewConfig()
	s.Version = sarama.V3_6_0_0
	s.Metadata.AllowAutoTopicCreation = false
	s.Producer.Return.Successes = true
	s.Producer.Partitioner = sarama.NewManualPartitioner
	return s
}

func (f *fixture) init() journal.Genesis {
	f.t.Helper()
	g, err := kafka.Init(f.ctx, f.cfg, partitions, 1, uuid.New)
	f.must(err)
	return g
}

// open initialises a log and opens it until the test ends.
func (f *fixture) open() *kafka.Log {
	f.t.Helper()
	f.init()
	l, err := kafka.Open(f.ctx, f.cfg)
	f.must(err)
	f.t.Cleanup(func() {
		if err := l.Close(); err != nil {
			f.t.Errorf("close log: %v", err)
		}
	})
	return l
}

func (f *fixture) reader(l *kafka.Log, partition int32, from int64) *kafka.Reader {
	f.t.Helper()
	r, err := l.Reader(f.ctx, partition, from)
	f.must(err)
	f.t.Cleanup(func() {
		if err := r.Close(); err != nil {
			f.t.Errorf("close reader: %v", err)
		}
	})
	return r
}

// read takes n records from the journal, from an offset.
func (f *fixture) read(l *kafka.Log, partition int32, from int64, n int) []journal.Record {
	f.t.Helper()
	r := f.reader(l, partition, from)
	var out []journal.Record
	for len(out) < n {
		got, err := r.Next(f.ctx, n-len(out), 8<<20)
		f.must(err)
		out = append(out, got...)
	}
	return out
}

func (f *fixture) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) set(topic, key, value string) {
	f.t.Helper()
	f.must(f.admin.IncrementalAlterConfig(sarama.TopicResource, topic, map[string]sarama.IncrementalAlterConfigsEntry{
		key: {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &value},
	}, false))
}

// produce writes as a stranger would.
func (f *fixture) produce(cfg *sarama.Config, msgs ...*sarama.ProducerMessage) {
	f.t.Helper()
	p, err := sarama.NewSyncProducer(f.cfg.Brokers, cfg)
	f.must(err)
	defer func() { _ = p.Close() }()
	if p.IsTransactional() {
		f.must(p.BeginTxn())
	}
	f.must(p.SendMessages(msgs))
	if p.IsTransactional() {
		f.must(p.CommitTxn())
	}
}

// eventually asks again until ok or until the test's patience ends.
func (f *fixture) eventually(what string, ok func() bool) {
	f.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-f.ctx.Done():
			f.t.Fatalf("never: %s", what)
		}
	}
}

// message is a journal message whose key belongs to a partition.
func message(partition int32, value string) journal.Message {
	for i := 0; ; i++ {
		key := []byte("acme/workflow/" + strconv.Itoa(i))
		if journal.PartitionOf(key, partitions) == partition {
			return journal.Message{
				Partition: partition, Key: key, Value: []byte(value),
				Headers: []journal.Header{{Key: "b:" + value, Value: []byte{0, 255, 10}}},
			}
		}
	}
}
