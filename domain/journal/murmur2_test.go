package journal_test

import (
	"testing"

	"github.com/duolog/duolog/domain/journal"
)

// What Java's client says of these keys.
func TestPartitionOf(t *testing.T) {
	t.Parallel()
	for key, hash := range map[string]int32{
		"21":                         -973932308,
		"foobar":                     -790332482,
		"a-little-bit-long-string":   -985981536,
		"a-little-bit-longer-string": -1486304829,
		"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
		"abc": 479470107,
	} {
		for _, n := range []int32{1, 4, 64, 1 << 30, 1<<31 - 1} {
			if got, want := journal.PartitionOf([]byte(key), n), (hash&0x7fffffff)%n; got != want {
				t.Errorf("%q of %d: %d, not %d", key, n, got, want)
			}
		}
	}
}
