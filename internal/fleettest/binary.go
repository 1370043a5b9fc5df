package fleettest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// Main runs the tests of a package, removes the binaries that were built for
// them, looks for leaked goroutines and exits.
//
// ignore names goroutines that a library of the suite leaves behind.
func Main(m *testing.M, ignore ...goleak.Option) {
	code := m.Run()
	if dir, err := built(); err == nil {
		_ = os.RemoveAll(dir)
	}
	if code == 0 {
		// Sarama's metrics keep one goroutine for the whole process.
		ignore = append(ignore, goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
		if err := goleak.Find(ignore...); err != nil {
			fmt.Fprintln(os.Stderr, "leaked goroutines:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// built is where the binaries of this run are.
var built = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "duolog-fleet-") })

// plain is the binary that users get; crashing is the one that kills itself
// where DUOLOG_CRASH_AT says; faulty does so too and has the bug that
// DUOLOG_PLANTED_BUG names.
var (
	plain    = sync.OnceValues(func() (string, error) { return build("duolog") })
	crashing = sync.OnceValues(func() (string, error) { return build("duolog-crashtest", "-tags", "crashtest") })
	faulty   = sync.OnceValues(func() (string, error) { return build("duolog-planted", "-tags", "crashtest,planted") })
)

func build(name string, flags ...string) (string, error) {
	dir, err := built()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, name)
	args := append([]string{"build", "-o", path}, flags...)
	if out, err := exec.Command("go", append(args, "github.com/duolog/duolog/cmd/duolog")...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
}

// Duolog is the path of the binary that users get.
func Duolog(tb testing.TB) string { tb.Helper(); return need(tb, plain) }

// Crashtest is the path of the binary with crash points.
func Crashtest(tb testing.TB) string { tb.Helper(); return need(tb, crashing) }

// Planted is the path of the binary with crash points and planted bugs.
func Planted(tb testing.TB) string { tb.Helper(); return need(tb, faulty) }

func need(tb testing.TB, binary func() (string, error)) string {
	tb.Helper()
	path, err := binary()
	if err != nil {
		tb.Fatal(err)
	}
	return path
}
