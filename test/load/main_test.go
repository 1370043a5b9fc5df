//go:build load

package load_test

import (
	"os"
	"testing"
	"time"

	"github.com/duolog/duolog/internal/fleettest"
)

func TestMain(m *testing.M) { fleettest.Main(m) }

// form is the value for the short form, or that for LONG=1.
func form[T int | float64 | time.Duration](short, long T) T {
	if os.Getenv("LONG") == "1" {
		return long
	}
	return short
}
