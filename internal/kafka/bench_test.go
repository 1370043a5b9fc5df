package kafka_test

import (
	"strconv"
	"testing"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/internal/kafka"
	"github.com/duolog/duolog/internal/kafka/logtest"
)

// BenchmarkAppend is one record of 2 KB per append, from 32 callers per
// processor, on four partitions of kfake.
func BenchmarkAppend(b *testing.B) {
	cfg := logtest.Kfake(b).Config()
	if _, err := kafka.Init(b.Context(), cfg, 4, 1, uuid.New); err != nil {
		b.Fatal(err)
	}
	log, err := kafka.Open(b.Context(), cfg)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = log.Close() })
	var messages []journal.Message
	for i := range 64 {
		key := []byte("acme/workflow/" + strconv.Itoa(i))
		messages = append(messages, journal.Message{Partition: journal.PartitionOf(key, 4), Key: key, Value: make([]byte, 2048)})
	}
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if _, err := log.Append(b.Context(), messages[i%len(messages):][:1]); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
