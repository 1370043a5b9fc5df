//go:build faults

package faults_test

import (
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/duolog/duolog/internal/fleettest"
)

func TestMain(m *testing.M) {
	// A link of toxiproxy that is closed while a toxic is added or taken away keeps a
	// goroutine that nobody reads from any more.
	fleettest.Main(m,
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).read"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).write"))
}

// long says whether the long form runs.
func long() bool { return os.Getenv("LONG") != "" }

// outage is how long a part is away.
const outage = 10 * time.Second

// recovery bounds how long everything may take to be as before.
const recovery = 60 * time.Second
