//go:build faults

package faults_test

import (
	"os"
	"testing"
	"time"

	"github.com/duolog/duolog/internal/fleettest"
)

func TestMain(m *testing.M) { fleettest.Main(m) }

// long says whether the long form runs.
func long() bool { return os.Getenv("LONG") != "" }

// outage is how long a part is away.
const outage = 10 * time.Second

// recovery bounds how long everything may take to be as before.
const recovery = 60 * time.Second
