// Package nodetest starts the core of Duolog in a test, on real parts: a broker
// that speaks the Kafka protocol, a Postgres, and as many nodes over both as a
// test wants, each with its own projectors and dispatcher.
package nodetest

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/internal/embedded/embeddedtest"
	"github.com/duolog/duolog/internal/kafka"
	"github.com/duolog/duolog/internal/postgres"
	"github.com/duolog/duolog/projections"
)

// Partitions of the clusters in tests.
const Partitions = 4

// Cluster is a log and a database.
type Cluster struct {
	Kafka       kafka.Config
	DatabaseURL string
	Genesis     journal.Genesis
}

// NewCluster makes a fresh log in a broker of its own and a fresh database.
func NewCluster(tb testing.TB) *Cluster {
	tb.Helper()
	return NewClusterOn(tb, embeddedtest.Broker(tb))
}

// NewClusterOn makes a fresh log on the given brokers and a fresh database.
func NewClusterOn(tb testing.TB, brokers []string) *Cluster {
	tb.Helper()
	cfg := kafka.Config{Brokers: brokers, Prefix: "t" + uuid.NewString()[:8], ClientID: "duolog-test", Logger: slog.New(slog.DiscardHandler)}
	g, err := kafka.Init(tb.Context(), cfg, Partitions, 1, uuid.New)
	if err != nil {
		tb.Fatalf("init the log: %v", err)
	}
	return &Cluster{Kafka: cfg, DatabaseURL: embeddedtest.Postgres(tb), Genesis: g}
}

// Node is one process's worth of Duolog.
type Node struct {
	Cluster  *Cluster
	Log      *kafka.Log
	DB       *postgres.DB
	Visible  *projections.Visible
	Recent   *projections.Recent
	Dispatch *dispatch.Dispatcher
	Leases   *projections.Leases

	stop func()
}

// Options vary a node.
type Options struct {
	// Log replaces the log the dispatcher appends to, over the real one.
	Log func(dispatch.Log) dispatch.Log
	// Facts replaces what commands are decided on, over the real look-ups.
	Facts func(dispatch.Facts) dispatch.Facts
	// Build names the build; tests of stopped streams change it.
	Build string
	// NoProjector leaves the partitions to other nodes.
	NoProjector bool
	// TenantBytes bounds what a tenant has in flight; 0 is the default.
	TenantBytes int64
	// FenceWriters lets one writer at a time write to a thread.
	FenceWriters bool
	// Now is the clock of the dispatcher; nil is the machine's.
	Now   func() time.Time
	Point func(string)
}

type reading struct{ *kafka.Log }

func (r reading) OpenReader(ctx context.Context, partition int32, from int64) (projections.Reader, error) {
	return r.Reader(ctx, partition, from)
}

// Reading is the log as the projector reads it.
func Reading(l *kafka.Log) projections.Log { return reading{l} }

// Start runs a node until the test ends or Stop is called.
func (c *Cluster) Start(tb testing.TB, o Options) *Node {
	tb.Helper()
	n := &Node{Cluster: c, Visible: projections.NewVisible(), Recent: projections.NewRecent()}
	var err error
	n.Log, err = kafka.Open(tb.Context(), c.Kafka)
	must(tb, err)
	n.DB, err = postgres.Open(tb.Context(), postgres.Config{URL: c.DatabaseURL, OnRestart: func(ctx context.Context, offsets map[int32]int64) error {
		ends, err := n.Log.Reach(ctx)
		if err != nil {
			return err
		}
		return n.Visible.Restarted(ctx, offsets, ends)
	}})
	must(tb, err)
	must(tb, n.DB.Migrate(tb.Context()))
	must(tb, n.DB.BindLog(tb.Context(), c.Genesis))
	snapshots, err := projections.NewSnapshots(n.DB.Read, Partitions)
	must(tb, err)
	var log dispatch.Log = n.Log
	if o.Log != nil {
		log = o.Log(n.Log)
	}
	var facts dispatch.Facts = snapshots
	if o.Facts != nil {
		facts = o.Facts(snapshots)
	}
	now := o.Now
	if now == nil {
		now = time.Now
	}
	n.Dispatch = dispatch.New(dispatch.Config{
		Log: log, Facts: facts, Visible: n.Visible, Partitions: Partitions,
		AllowRunless: func(domain.Tenant) bool { return true }, FenceWriters: func(domain.Tenant) bool { return o.FenceWriters }, TenantBytes: o.TenantBytes,
		Now: now, NewID: func() uuid.UUID { return uuid.Must(uuid.NewV7()) },
		Logger: slog.New(slog.DiscardHandler), Point: o.Point,
	})
	n.run(tb, o)
	return n
}

func (n *Node) run(tb testing.TB, o Options) {
	tb.Helper()
	build := o.Build
	if build == "" {
		build = "test"
	}
	logger := slog.New(slog.DiscardHandler)
	projector, err := projections.New(projections.Config{
		Log: reading{n.Log}, Pool: n.DB.Write, Partitions: Partitions, Build: build, Visible: n.Visible, Recent: n.Recent, Logger: logger, Now: time.Now, Point: o.Point,
	})
	must(tb, err)
	n.Leases = projections.NewLeases(projections.LeaseConfig{
		Pool: n.DB.Write, Node: uuid.NewString(), Partitions: Partitions, Work: projector.Run, Logger: logger, Every: 100 * time.Millisecond,
	})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = n.Dispatch.Run(ctx) })
	wg.Go(func() { n.listen(ctx) })
	if !o.NoProjector {
		wg.Go(func() { _ = n.Leases.Run(ctx) })
	}
	n.stop = sync.OnceFunc(func() {
		cancel()
		wg.Wait()
		n.DB.Close()
		_ = n.Log.Close()
	})
	tb.Cleanup(n.stop)
}

func (n *Node) listen(ctx context.Context) {
	for ctx.Err() == nil {
		_ = n.DB.Listen(ctx, projections.NotifyChannel, n.Visible.Announced)
	}
}

// Stop ends the node in order, as a signal would.
func (n *Node) Stop() { n.stop() }

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
