package projections

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// LeaseConfig is what Leases is made of.
type LeaseConfig struct {
	Pool *pgxpool.Pool
	// Node names this process among those that share the database. A process
	// that starts again under the same name takes its leases up at once.
	Node       string
	Partitions int32
	// Work runs one partition until its context ends; it is started again when
	// it fails.
	Work   func(ctx context.Context, partition int32) error
	Logger *slog.Logger
	// Every is how often leases are renewed; 0 means a second.
	Every time.Duration
	// Point is called at named points for crash tests; nil outside them.
	Point func(name string)
}

// leaseSeconds is how long a lease lasts without renewal.
const leaseSeconds = 5

// Leases shares the partitions fairly among the processes that live. It is for
// efficiency only: two owners at once cost work, never correctness, because the
// offset swap fences the projector and the accepted attempt the effects.
type Leases struct {
	cfg   LeaseConfig
	mu    sync.Mutex
	owned map[int32]*ownership
}

type ownership struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// NewLeases makes a Leases. It starts nothing.
func NewLeases(cfg LeaseConfig) *Leases {
	if cfg.Every == 0 {
		cfg.Every = time.Second
	}
	if cfg.Point == nil {
		cfg.Point = func(string) {}
	}
	return &Leases{cfg: cfg, owned: map[int32]*ownership{}}
}

// Owned lists the partitions this process works on.
func (l *Leases) Owned() []int32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]int32, 0, len(l.owned))
	for p := range l.owned {
		out = append(out, p)
	}
	return out
}

// Run takes, renews and gives up leases until ctx ends; then it stops the work
// and gives all of them back.
func (l *Leases) Run(ctx context.Context) error {
	ticker := time.NewTicker(l.cfg.Every)
	defer ticker.Stop()
	defer l.leave(context.WithoutCancel(ctx))
	for {
		if err := l.tick(ctx); err != nil && ctx.Err() == nil {
			l.cfg.Logger.WarnContext(ctx, "leases not renewed", slog.Any("error", err))
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// tick is one round: say that this node lives, keep what is ours, give up what
// is too much, take what is free.
func (l *Leases) tick(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, leaseSeconds*time.Second)
	defer cancel()
	held, err := l.heartbeat(ctx)
	if err != nil {
		return err
	}
	if err := l.renew(ctx); err != nil {
		return err
	}
	owned := l.Owned()
	keep, most := share(held, int(l.cfg.Partitions), len(owned))
	for _, p := range owned[keep:] {
		l.drop(p)
		if err := l.release(ctx, p); err != nil {
			return err
		}
	}
	if len(owned) >= most {
		return nil
	}
	return l.acquire(ctx, most-len(owned))
}

// share is how many partitions a node that has owned of them keeps, and how
// many it may have, where the living nodes hold so many each. It gives one up
// for a node that has fewer than anybody should.
func share(held []int, partitions, owned int) (keep, most int) {
	nodes := max(1, len(held))
	fewest := partitions / nodes
	most = (partitions + nodes - 1) / nodes
	keep = min(owned, most)
	if keep > fewest && len(held) > 0 && slices.Min(held) < fewest {
		keep--
	}
	return keep, most
}

// heartbeat says that this node lives, and returns how many partitions each
// living one holds.
func (l *Leases) heartbeat(ctx context.Context) (held []int, err error) {
	b := &pgx.Batch{}
	b.Queue(`INSERT INTO nodes (id, until) VALUES ($1, now() + make_interval(secs => $2)) ON CONFLICT (id) DO UPDATE SET until = EXCLUDED.until`, l.cfg.Node, leaseSeconds)
	b.Queue(`DELETE FROM nodes WHERE until < now() - interval '1 minute'`)
	b.Queue(`SELECT (SELECT count(*) FROM leases l WHERE l.owner = n.id AND l.until > now()) FROM nodes n WHERE n.until > now()`).Query(func(r pgx.Rows) error {
		held, err = pgx.CollectRows(r, pgx.RowTo[int])
		return err
	})
	if err := l.cfg.Pool.SendBatch(ctx, b).Close(); err != nil {
		return nil, fmt.Errorf("say that this node lives: %w", err)
	}
	return held, nil
}

// renew keeps the leases that are still ours and stops the work of the others.
func (l *Leases) renew(ctx context.Context) error {
	found, err := l.cfg.Pool.Query(ctx, `UPDATE leases SET until = now() + make_interval(secs => $2) WHERE owner = $1 RETURNING partition`, l.cfg.Node, leaseSeconds)
	if err != nil {
		return fmt.Errorf("renew leases: %w", err)
	}
	ours, err := pgx.CollectRows(found, pgx.RowTo[int32])
	if err != nil {
		return fmt.Errorf("renew leases: %w", err)
	}
	keep := map[int32]bool{}
	for _, p := range ours {
		keep[p] = true
		if p < l.cfg.Partitions {
			l.take(ctx, p)
		}
	}
	for _, p := range l.Owned() {
		if !keep[p] {
			l.drop(p)
		}
	}
	return nil
}

func (l *Leases) acquire(ctx context.Context, most int) error {
	l.cfg.Point("lease.before_take")
	found, err := l.cfg.Pool.Query(ctx, `INSERT INTO leases (partition, owner, until)
		SELECT p, $1, now() + make_interval(secs => $2) FROM generate_series(0, $3::int - 1) AS p
		WHERE NOT EXISTS (SELECT FROM leases l WHERE l.partition = p AND l.until > now()) LIMIT $4
		ON CONFLICT (partition) DO UPDATE SET owner = EXCLUDED.owner, until = EXCLUDED.until WHERE leases.until <= now()
		RETURNING partition`, l.cfg.Node, leaseSeconds, l.cfg.Partitions, most)
	if err != nil {
		return fmt.Errorf("take leases: %w", err)
	}
	taken, err := pgx.CollectRows(found, pgx.RowTo[int32])
	if err != nil {
		return fmt.Errorf("take leases: %w", err)
	}
	l.cfg.Point("lease.after_take")
	for _, p := range taken {
		l.take(ctx, p)
	}
	return nil
}

// take starts the work of a partition if it is not under way. The work outlives
// the round that took it: drop and leave end it.
func (l *Leases) take(ctx context.Context, partition int32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ours := l.owned[partition]; ours {
		return
	}
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	o := &ownership{cancel: cancel, done: make(chan struct{})}
	l.owned[partition] = o
	go func() {
		defer close(o.done)
		l.keepWorking(work, partition)
	}()
}

// keepWorking runs the work of a partition again and again until it is dropped.
func (l *Leases) keepWorking(ctx context.Context, partition int32) {
	for delay := 10 * time.Millisecond; ; delay = min(2*delay, time.Second) {
		err := l.cfg.Work(ctx, partition)
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, errLost) {
			delay = 10 * time.Millisecond
		} else {
			l.cfg.Logger.WarnContext(ctx, "partition interrupted", slog.Int("partition", int(partition)), slog.Any("error", err))
		}
		timer := time.NewTimer(delay)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// drop stops the work of a partition and waits for it.
func (l *Leases) drop(partition int32) {
	l.mu.Lock()
	o, ours := l.owned[partition]
	delete(l.owned, partition)
	l.mu.Unlock()
	if ours {
		o.cancel()
		<-o.done
	}
}

func (l *Leases) release(ctx context.Context, partition int32) error {
	if _, err := l.cfg.Pool.Exec(ctx, `DELETE FROM leases WHERE partition = $1 AND owner = $2`, partition, l.cfg.Node); err != nil {
		return fmt.Errorf("give back partition %d: %w", partition, err)
	}
	return nil
}

// leave stops all work and gives everything back, so that others need not wait
// for the leases to expire.
func (l *Leases) leave(ctx context.Context) {
	for _, p := range l.Owned() {
		l.drop(p)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	b := &pgx.Batch{}
	b.Queue(`DELETE FROM leases WHERE owner = $1`, l.cfg.Node)
	b.Queue(`DELETE FROM nodes WHERE id = $1`, l.cfg.Node)
	if err := l.cfg.Pool.SendBatch(ctx, b).Close(); err != nil {
		l.cfg.Logger.WarnContext(ctx, "leases not given back: they expire by themselves", slog.Any("error", err))
	}
}
