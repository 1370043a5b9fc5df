package embeddedtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/duolog/duolog/internal/embedded"
)

const startTimeout = 3 * time.Minute // a first start may have to download the server

// shared is the one Postgres of a test binary.
type shared struct {
	once     sync.Once
	postgres *embedded.Postgres
	err      error
}

var server shared //nolint:gochecknoglobals // one server for all tests of a binary: starting one takes seconds

// Main runs the tests of a package, stops the shared Postgres if one was started, looks for leaked
// goroutines and exits. Options name goroutines that may stay.
func Main(m *testing.M, options ...goleak.Option) {
	code := m.Run()
	if err := stop(); err != nil {
		fmt.Fprintln(os.Stderr, "embeddedtest:", err)
		code = max(code, 1)
	}
	if code == 0 {
		// Sarama's metrics keep one goroutine for the whole process.
		options = append(options, goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
		if err := goleak.Find(options...); err != nil {
			fmt.Fprintln(os.Stderr, "embeddedtest: leaked goroutines:", err)
			code = 1
		}
	}
	os.Exit(code)
}

func stop() error {
	if server.postgres == nil {
		return nil
	}
	return server.postgres.Close(context.Background())
}

// Config is how tests start an ephemeral Postgres. DUOLOG_MAVEN_URL names a mirror of Maven Central
// for machines without an installed server.
func Config() embedded.PostgresConfig {
	cache, err := embedded.DefaultCacheDir()
	if err != nil {
		cache = "" // then each server downloads its own
	}
	return embedded.PostgresConfig{Ephemeral: true, CacheDir: cache, MavenURL: os.Getenv("DUOLOG_MAVEN_URL")}
}

// Postgres returns the URL of a fresh database in the server that the tests of this binary share. The
// database is dropped when the test ends, with whatever is still connected to it.
func Postgres(tb testing.TB) string {
	tb.Helper()
	server.once.Do(func() {
		// Not tb's context: the server outlives the test that happens to start it.
		ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
		defer cancel()
		server.postgres, server.err = embedded.StartPostgres(ctx, Config())
	})
	if server.err != nil {
		tb.Fatalf("start postgres: %v", server.err)
	}
	name := "test_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	execute(tb, "CREATE DATABASE "+name)
	tb.Cleanup(func() { execute(tb, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
	return server.postgres.URL(name)
}

// execute runs a statement on the server itself. It is also called when tb's context has ended.
func execute(tb testing.TB, statement string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), startTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, server.postgres.URL("postgres"))
	if err != nil {
		tb.Fatalf("connect to postgres: %v", err)
	}
	_, err = conn.Exec(ctx, statement)
	if err = errors.Join(err, conn.Close(ctx)); err != nil {
		tb.Fatalf("%s: %v", statement, err)
	}
}

// OwnPostgres returns a server of the test's own, to stop and start: other tests do not see its faults.
func OwnPostgres(tb testing.TB) *embedded.Postgres {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), startTimeout)
	defer cancel()
	p, err := embedded.StartPostgres(ctx, Config())
	if err != nil {
		tb.Fatalf("start postgres: %v", err)
	}
	tb.Cleanup(func() {
		if err := p.Close(context.WithoutCancel(tb.Context())); err != nil {
			tb.Errorf("close postgres: %v", err)
		}
	})
	return p
}

// Broker returns the addresses of a fresh broker in memory, closed when the test ends.
func Broker(tb testing.TB) []string {
	tb.Helper()
	return OwnBroker(tb, "").Addrs()
}

// OwnBroker returns a fresh broker, to inject faults or, with a directory, to close and open again.
func OwnBroker(tb testing.TB, dir string) *embedded.Broker {
	tb.Helper()
	b, err := embedded.StartBroker(tb.Context(), embedded.BrokerConfig{Dir: dir})
	if err != nil {
		tb.Fatalf("start broker: %v", err)
	}
	tb.Cleanup(func() {
		if err := b.Close(); err != nil {
			tb.Errorf("close broker: %v", err)
		}
	})
	return b
}
