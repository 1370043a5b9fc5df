package logtest

import (
	"math/rand/v2"

	"github.com/IBM/sarama"

	"github.com/duolog/duolog/domain/journal"
)

// murmur2 compares with sarama's partitioner and with values that Kafka's own
// tests expect of Utils.murmur2.
func murmur2(f *fixture) {
	for key, hash := range map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
		"a-little-bit-longer-string": -1486304829, "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971, "abc": 479470107,
	} {
		if got, want := journal.PartitionOf([]byte(key), 64), (hash&0x7fffffff)%64; got != want {
			f.t.Fatalf("key %q is in partition %d, Java says %d", key, got, want)
		}
	}
	theirs := sarama.NewMurmur2Partitioner("any")
	random := rand.NewChaCha8([32]byte{1})
	for i := range 2000 {
		key := make([]byte, i%40)
		_, _ = random.Read(key) // it never fails
		want, err := theirs.Partition(&sarama.ProducerMessage{Key: sarama.ByteEncoder(key)}, 64)
		f.must(err)
		if got := journal.PartitionOf(key, 64); got != want {
			f.t.Fatalf("key %x is in partition %d, sarama says %d", key, got, want)
		}
	}
}
