//go:build crash

package crash_test

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/duolog/duolog/internal/fleettest"
)

func TestMain(m *testing.M) { fleettest.Main(m) }

// setting is a number from the environment.
func setting(tb testing.TB, name string, otherwise uint64) uint64 {
	tb.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
	return n
}

// seedOf is what the run is drawn from; SEED repeats one.
func seedOf(tb testing.TB) uint64 {
	tb.Helper()
	seed := setting(tb, "SEED", rand.Uint64N(1_000_000))
	tb.Logf("seed %d: make test/crash SEED=%d plays the same plan again", seed, seed)
	return seed
}

// source is a stream of random numbers of the seed, by the name of its user.
func source(seed uint64, name string) *rand.Rand {
	var n uint64
	for _, c := range name {
		n = n*131 + uint64(c)
	}
	return rand.New(rand.NewPCG(seed, n))
}
