package projections

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
)

// Limits of one batch.
const (
	batchRecords = 500
	batchBytes   = 8 << 20
	// idleCheck is how often an idle partition's offset is looked at.
	idleCheck = time.Second
)

// Log is what the projector reads. Implementations must return records of one
// partition in order, each once, from the offset asked for, and an error when
// that offset does not exist.
type Log interface {
	OpenReader(ctx context.Context, partition int32, from int64) (Reader, error)
}

// Reader follows one partition.
type Reader interface {
	// Next blocks for a record and takes what is there, without linger.
	Next(ctx context.Context, maxRecords, maxBytes int) ([]journal.Record, error)
	Close() error
}

// Config is what a projector is made of.
type Config struct {
	Log  Log
	Pool *pgxpool.Pool
	// Partitions is the count of the genesis record.
	Partitions int32
	// Build names this build: streams that another one stopped are tried again.
	Build   string
	Visible *Visible
	// Recent is given what was written; nil to leave it out.
	Recent *Recent
	// Quiet announces nothing: nobody reads these tables yet.
	Quiet  bool
	Logger *slog.Logger
	// Observe is told of each written batch, and how many records of it were
	// ignored for which reason; nil to leave it out.
	Observe func(partition int32, records int, ignored map[string]int, took time.Duration)
	// Traced is told of each commit of a written batch that is part of a trace;
	// nil to leave it out.
	Traced func(Traced)
	Now    func() time.Time
	// Point is called at named points for crash tests; nil outside them.
	Point func(name string)
}

// Projector derives the read models of the partitions it is given.
type Projector struct {
	cfg   Config
	codec *Codec
	fold  *folder
}

// New makes a Projector. It starts nothing.
func New(cfg Config) (*Projector, error) {
	codec, err := NewCodec()
	if err != nil {
		return nil, err
	}
	if cfg.Point == nil {
		cfg.Point = func(string) {}
	}
	if cfg.Observe == nil {
		cfg.Observe = func(int32, int, map[string]int, time.Duration) {}
	}
	return &Projector{cfg: cfg, codec: codec, fold: newFolder(cfg.Partitions, codec)}, nil
}

// Run projects one partition until ctx ends. Two at once are safe: the offset
// swap lets one of them write. An error means that the log or Postgres cannot
// be used right now; the caller runs it again.
func (p *Projector) Run(ctx context.Context, partition int32) error {
	at, err := p.standing(ctx, partition)
	if err != nil {
		return err
	}
	defer p.cfg.Visible.Projecting(partition)()
	p.cfg.Visible.Advance(partition, at.next, nil)
	if err := p.retryStopped(ctx, partition, at); err != nil {
		return err
	}
	reader, err := p.cfg.Log.OpenReader(ctx, partition, at.next)
	if err != nil {
		return fmt.Errorf("read partition %d from %d: %w", partition, at.next, err)
	}
	defer reader.Close() //nolint:errcheck // nothing to lose: the offset is in Postgres
	set, err := newWorkingSet(p.codec)
	if err != nil {
		return err
	}
	for {
		records, err := p.nextOrMoved(ctx, reader, partition, at)
		if err != nil {
			return fmt.Errorf("read partition %d at %d: %w", partition, at.next, err)
		}
		if at.next, err = p.project(ctx, partition, at, set, records); err != nil {
			return err
		}
	}
}

// nextOrMoved waits for records and, while there are none, looks whether the
// offset is still where this projector left it: a rebuild, or a Postgres that
// lost its last transactions, moves it without a record to fail on.
func (p *Projector) nextOrMoved(ctx context.Context, reader Reader, partition int32, at standing) ([]journal.Record, error) {
	for {
		idle, cancel := context.WithTimeout(ctx, idleCheck)
		records, err := reader.Next(idle, batchRecords, batchBytes)
		cancel()
		if err == nil || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return records, err
		}
		there, err := p.standing(ctx, partition)
		if err != nil {
			return nil, err
		}
		if there != at {
			return nil, errLost
		}
	}
}

// project writes one batch and says what is visible.
func (p *Projector) project(ctx context.Context, partition int32, from standing, set *workingSet, records []journal.Record) (int64, error) {
	began := p.cfg.Now()
	b := p.builder(partition, set)
	out, err := b.make(ctx, from, records)
	if err != nil {
		return from.next, err
	}
	p.cfg.Point("projector.before_commit")
	err = p.write(ctx, out)
	if isBadData(err) {
		p.cfg.Logger.WarnContext(ctx, "the database refuses rows of a batch, looking for their streams",
			slog.Int("partition", int(partition)), slog.Int64("offset", from.next), slog.Any("error", err))
		out, err = p.withoutBadStreams(ctx, partition, from, set, records, err)
	}
	if err != nil {
		return from.next, fmt.Errorf("write partition %d from %d: %w", partition, from.next, err)
	}
	p.cfg.Point("projector.after_commit")
	if p.cfg.Recent != nil {
		p.cfg.Recent.add(out)
	}
	p.cfg.Visible.Advance(partition, out.next, out.verdicts)
	if len(out.rows.touched) > 0 {
		p.cfg.Visible.Owed(partition)
	}
	ended := p.cfg.Now()
	p.cfg.Observe(partition, len(records), out.rows.reasons(), ended.Sub(began))
	p.tell(out.traced, began, ended)
	for _, s := range out.rows.stopped.rows {
		p.cfg.Logger.ErrorContext(ctx, "stream stopped", slog.String("stream", s.stream), slog.String("reason", s.reason),
			slog.String("position", domain.Position{Partition: partition, Offset: s.offset}.String()))
	}
	return out.next, nil
}

func (p *Projector) builder(partition int32, set *workingSet) *builder {
	return &builder{partition: partition, build: p.cfg.Build, fold: p.fold, set: set, db: p.cfg.Pool}
}

// withoutBadStreams finds, by bisection, the streams whose rows Postgres
// refuses, stops them and writes the rest: bad data of one tenant delays nobody.
func (p *Projector) withoutBadStreams(ctx context.Context, partition int32, from standing, set *workingSet, records []journal.Record, cause error) (*batch, error) {
	bad := map[string]error{}
	for {
		suspects := p.streamsOf(records, bad)
		if len(suspects) == 0 {
			return nil, fmt.Errorf("postgres refuses a batch that no stream is to blame for: %w", cause)
		}
		if err := p.findBad(ctx, partition, from, ofStreams(records, suspects), suspects, cause, bad); err != nil {
			return nil, err
		}
		set.forget(records, p.cfg.Partitions)
		b := p.builder(partition, set)
		b.unfoldable = bad
		out, err := b.make(ctx, from, records)
		if err != nil {
			return nil, err
		}
		if err = p.write(ctx, out); !isBadData(err) {
			return out, err
		}
		cause = err
	}
}

// findBad adds to bad all streams of the suspects, whose records these are and
// whose rows Postgres refuses for a cause. Each try takes the records of half of
// them alone, so that many bad streams among many cost little more than one.
func (p *Projector) findBad(ctx context.Context, partition int32, from standing, records []journal.Record, suspects []string, cause error, bad map[string]error) error {
	if len(suspects) == 1 {
		bad[suspects[0]] = cause
		return nil
	}
	found := false
	for i, half := range [][]string{suspects[:len(suspects)/2], suspects[len(suspects)/2:]} {
		theirs, why := ofStreams(records, half), cause
		if i == 0 || found { // where the first half is good, the second is not
			err := p.tryAlone(ctx, partition, from, theirs)
			if err == nil {
				continue
			}
			if !isBadData(err) {
				return err
			}
			why = err
		}
		found = true
		if err := p.findBad(ctx, partition, from, theirs, half, why, bad); err != nil {
			return err
		}
	}
	return nil
}

// tryAlone asks Postgres whether it takes what some records come to.
func (p *Projector) tryAlone(ctx context.Context, partition int32, from standing, records []journal.Record) error {
	set, err := newWorkingSet(p.codec)
	if err != nil {
		return err
	}
	out, err := p.builder(partition, set).make(ctx, from, records)
	if err != nil {
		return err
	}
	return try(ctx, p.cfg.Pool, out)
}

// ofStreams are the records with the keys of these streams.
func ofStreams(records []journal.Record, streams []string) []journal.Record {
	keys := make(map[string]bool, len(streams))
	for _, s := range streams {
		keys[s] = true
	}
	var out []journal.Record
	for _, r := range records {
		if keys[string(r.Key)] {
			out = append(out, r)
		}
	}
	return out
}

// streamsOf lists the streams of the records that are not known to be bad.
func (p *Projector) streamsOf(records []journal.Record, bad map[string]error) []string {
	var out []string
	seen := map[string]bool{}
	for _, r := range records {
		parsed := journal.Parse(r, p.cfg.Partitions)
		key := parsed.Stream.String()
		if parsed.What != journal.WhatCommit || seen[key] || bad[key] != nil {
			continue
		}
		seen[key] = true
		out = append(out, key)
	}
	return out
}

// standing is how far a partition is projected, and in which tables: a rebuild
// swaps new ones in, and what was remembered of the old ones holds no longer.
type standing struct {
	// next is the next record to take.
	next int64
	// tables is the identity of the offsets table.
	tables uint32
}

// standing reads it.
func (p *Projector) standing(ctx context.Context, partition int32) (standing, error) {
	var at standing
	err := p.cfg.Pool.QueryRow(ctx, `INSERT INTO offsets (partition, next) VALUES ($1, 0)
		ON CONFLICT (partition) DO UPDATE SET partition = EXCLUDED.partition RETURNING next, tableoid`, partition).Scan(&at.next, &at.tables)
	if err != nil {
		return at, fmt.Errorf("read the offset of partition %d: %w", partition, err)
	}
	return at, nil
}
