package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/adapter/webhook"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/effects"
	"github.com/duolog/duolog/handlers/engine/gitlab"
	"github.com/duolog/duolog/handlers/engine/local"
	"github.com/duolog/duolog/handlers/inbox"
	"github.com/duolog/duolog/handlers/relay"
	"github.com/duolog/duolog/handlers/retention"
	"github.com/duolog/duolog/handlers/trigger"
	"github.com/duolog/duolog/internal/identity"
	"github.com/duolog/duolog/internal/kafka"
	"github.com/duolog/duolog/internal/keystore"
	"github.com/duolog/duolog/internal/postgres"
	"github.com/duolog/duolog/internal/telemetry"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/deliveries"
	"github.com/duolog/duolog/projections/queries/traces"
)

// nodeConfig is one process's worth of Duolog, whatever it was configured by.
type nodeConfig struct {
	kafka kafka.Config
	// replyTopics are prefixes of the topics that answers to commands may go to.
	replyTopics []string
	database    string
	listen      net.Listener
	url         string
	node        string
	keys        *keystore.Store
	callers     identity.Authenticator
	tenants     tenants
	engine      local.Config
	// gitlab is nil where no GitLab runs agents.
	gitlab   *gitlabSettings
	basePath string
	onLost   string
	// hooks are told of events, in webhookAllow besides the internet.
	hooks        webhook.Book
	webhookAllow []netip.Prefix
	tenantCap    int64
	tenantRate   int
	maxBody      int64
	grace        time.Duration
	logger       *slog.Logger
	// traces is nil where nothing is traced.
	traces *telemetry.Traces
	getenv func(string) string
	point  func(string)
	// checks are what else must be right for the log to be written.
	checks []kafka.SafetyCheck
	// prepare makes what has to be there before the API answers; nil for nothing.
	prepare func(context.Context) error
	now     func() time.Time
}

// node is the assembled process.
type node struct {
	cfg        nodeConfig
	partitions int32
	instance   string
	log        *kafka.Log
	db         *postgres.DB
	visible    *projections.Visible
	snapshots  *projections.Snapshots
	dispatch   *dispatch.Dispatcher
	directory  directories
	trigger    *trigger.Trigger
	projector  *projections.Projector
	relay      *relay.Relay
	effects    *effects.Runner
	retention  *retention.Runner
	engine     *local.Engine
	gitlab     *gitlab.Engine
	leases     *projections.Leases
	metrics    *metrics
	failures   *failures
	inbox      *inbox.Publisher
	deliveries *deliveries.Queries
	webhooks   *webhook.Adapter
	server     *http.Server
	// stopping is closed when the node begins to stop.
	stopping chan struct{}
	routers  []*message.Router
	// sagaGroups are the consumer groups of the sagas.
	sagaGroups []string
	closers    []func()
}

// newNode opens the log and the database, checks that they belong together, and
// wires the parts. It starts nothing.
func newNode(ctx context.Context, cfg nodeConfig) (n *node, err error) {
	n = &node{cfg: cfg, visible: projections.NewVisible(), stopping: make(chan struct{}), instance: cfg.node + "/" + uuid.NewString()[:8]}
	defer func() {
		if err != nil {
			n.close()
		}
	}()
	if n.log, err = openLog(ctx, cfg.kafka); err != nil {
		return n, err
	}
	n.closers = append(n.closers, func() { _ = n.log.Close() })
	n.partitions = n.log.Genesis().Partitions
	if err = n.openDatabase(ctx); err != nil {
		return n, err
	}
	routers := func() error { return n.wireRouters(ctx) }
	directory := func() error { return n.wireDirectory(ctx) }
	for _, part := range []func() error{n.wireWrites, directory, n.wireTrigger, n.wireWebhooks, routers, n.wireEffects, n.wireRetention, n.wireAPI} {
		if err = part(); err != nil {
			return n, err
		}
	}
	n.wireLeases()
	return n, nil
}

func (n *node) openDatabase(ctx context.Context) error {
	var err error
	n.db, err = openDatabase(ctx, postgres.Config{URL: n.cfg.database, OnRestart: n.databaseRestarted})
	if err != nil {
		return err
	}
	n.closers = append(n.closers, n.db.Close)
	if err := n.db.Migrate(ctx); err != nil {
		return err
	}
	if err := n.db.BindLog(ctx, n.log.Genesis()); err != nil {
		return problem{err.Error(), "use the database of this log; for a new log, an empty one"}
	}
	return n.agree(ctx)
}

// databaseRestarted holds reads back until the read models show again what
// stands in the log: any node may have answered it.
func (n *node) databaseRestarted(ctx context.Context, offsets map[int32]int64) error {
	ends, err := n.log.Reach(ctx)
	if err != nil {
		return err
	}
	return n.visible.Restarted(ctx, offsets, ends)
}

// agree checks that the read models are those of the log, and holds reads back
// until they show what stood in it when this process began: an earlier process
// may have answered it.
func (n *node) agree(ctx context.Context) error {
	unsafe, err := agreement(ctx, n.log, n.db)
	if err != nil {
		return err
	}
	if unsafe != nil {
		return unsafe
	}
	offsets, err := n.db.Offsets(ctx)
	if err != nil {
		return err
	}
	ends, err := n.log.Reach(ctx)
	if err != nil {
		return err
	}
	for p, end := range ends {
		if end > 0 {
			n.visible.Answered(domain.Position{Partition: p, Offset: end - 1})
		}
		n.visible.Advance(p, offsets[p], nil)
	}
	return nil
}

func (n *node) wireWrites() error {
	var err error
	if n.snapshots, err = projections.NewSnapshots(n.db.Read, n.partitions); err != nil {
		return err
	}
	n.metrics = newMetrics(n)
	n.failures = newFailures(n.cfg.now)
	n.dispatch = dispatch.New(dispatch.Config{
		Log: measured{n.log, n.metrics.Append.Observe, n.cfg.now}, Facts: n.snapshots, Visible: n.visible, Partitions: n.partitions,
		AllowRunless: n.cfg.tenants.allowRunless, FenceWriters: n.cfg.tenants.fenceWriters, TenantBytes: n.cfg.tenantCap, Now: n.cfg.now, NewID: newID,
		Logger: n.cfg.logger, Observe: n.metrics.Verdicts.Observe, Refused: n.metrics.refused, Point: n.cfg.point,
	})
	projected := projections.Config{
		Log: reading{n.log}, Pool: n.db.Write, Partitions: n.partitions, Build: build(), Visible: n.visible, Recent: projections.NewRecent(),
		Logger: n.cfg.logger, Observe: n.projected, Traced: n.traced(), Now: n.cfg.now, Point: n.cfg.point,
	}
	if n.projector, err = projections.New(projected); err != nil {
		return err
	}
	commits, err := projections.NewCommits(n.db.Read, projected.Recent)
	if err != nil {
		return err
	}
	n.relay = relay.New(relay.Config{
		Commits: commits, Topic: n.log, Visible: n.visible, Partitions: n.partitions, Log: n.log.Genesis().Log, Logger: n.cfg.logger,
		Observe: n.metrics.Relay.Observe, Tracer: n.tracer(), Traces: traces.New(n.db.Read), Point: n.cfg.point,
	})
	return nil
}

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// wireLeases gives the owner of a partition its work.
func (n *node) wireLeases() {
	n.leases = projections.NewLeases(projections.LeaseConfig{
		Pool: n.db.Write, Node: n.cfg.node, Partitions: n.partitions, Logger: n.cfg.logger, Work: n.work, Point: n.cfg.point,
	})
}

// work projects a partition, publishes its events and runs what is owed there.
// One part that fails takes the others with it and all begin anew. At the end
// the effects go first: how a call ended can only be recorded, and seen, while
// the projector is there.
func (n *node) work(ctx context.Context, partition int32) error {
	group, effects := errgroup.WithContext(ctx)
	base, stopBase := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBase()
	group.Go(func() error { return n.project(base, partition) })
	group.Go(func() error { return n.relay.Run(base, partition) })
	group.Go(func() error {
		defer stopBase()
		return n.effects.Run(effects, partition)
	})
	group.Go(func() error { return n.retention.Run(effects, partition) })
	return group.Wait()
}

// project projects a partition, and remembers why it could not.
func (n *node) project(ctx context.Context, partition int32) error {
	err := n.projector.Run(ctx, partition)
	if ctx.Err() == nil {
		n.failures.note(partition, err)
	}
	return err
}

func (n *node) projected(partition int32, records int, ignored map[string]int, took time.Duration) {
	n.failures.note(partition, nil)
	n.metrics.Projection.Observe(partition, records, ignored, took)
}

// run serves until ctx ends: then intake stops first, what is in flight gets
// its answer, and what it needs for that ends after it.
func (n *node) run(ctx context.Context) error {
	defer n.close()
	collectLess(n.cfg.getenv, nodeGC)
	failed := make(chan error, 1)
	stages := []*stage{
		begin(ctx, failed, n.runEngine, n.effects.RunHome, n.runRouters),
		begin(ctx, failed, n.leases.Run),
		begin(ctx, failed, n.dispatch.Run, n.listen, n.watch, n.showLag),
	}
	server := begin(ctx, failed, n.serve)
	var cause error
	select {
	case <-ctx.Done():
	case cause = <-failed:
	}
	n.shutdown(context.WithoutCancel(ctx))
	server.end()
	for _, s := range stages {
		s.end()
	}
	return cause
}

func (n *node) serve(ctx context.Context) error {
	if n.cfg.prepare != nil {
		if err := n.cfg.prepare(ctx); err != nil {
			return err
		}
	}
	if err := n.server.Serve(n.cfg.listen); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", n.cfg.listen.Addr(), err)
	}
	return nil
}

// shutdown lets requests that were accepted have their answer.
func (n *node) shutdown(ctx context.Context) {
	close(n.stopping)
	ctx, cancel := context.WithTimeout(ctx, n.cfg.grace)
	defer cancel()
	if n.server.Shutdown(ctx) != nil {
		_ = n.server.Close() // what did not end within the grace is cut off
	}
}

// listen hears of batches that other nodes commit. A connection that breaks is
// made again; until then own batches and the next poll tell.
func (n *node) listen(ctx context.Context) error {
	for ctx.Err() == nil {
		err := n.db.Listen(ctx, projections.NotifyChannel, n.visible.Announced)
		if ctx.Err() == nil {
			n.cfg.logger.WarnContext(ctx, "announcements of other nodes are not heard", slog.Any("error", err))
			n.poll(ctx)
		}
	}
	return nil
}

// poll reads the offsets once, in place of announcements that were missed.
func (n *node) poll(ctx context.Context) {
	timer := time.NewTimer(500 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return
	}
	offsets, err := n.db.Offsets(ctx)
	if err != nil {
		return
	}
	for p, next := range offsets {
		n.visible.Announced(p, next)
	}
}

func (n *node) runEngine(ctx context.Context) error {
	return n.engine.Run(ctx, n.effects.ReportFinished)
}

func (n *node) close() {
	for _, closer := range slices.Backward(n.closers) {
		closer()
	}
	n.closers = nil
}
