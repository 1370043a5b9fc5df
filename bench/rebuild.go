package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/bench/baseline"
	"github.com/duolog/duolog/bench/lab"
	"github.com/duolog/duolog/bench/report"
)

// million is the length of the log that the time goal is about.
const million, withinSeconds = 1_000_000, 60

// rebuild derives all read models from a long log with the product's own tool, then
// inserts the same rows without deriving them.
func (b *bench) rebuild(ctx context.Context) (out []report.Result, err error) {
	f, size, err := b.forged(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close(), f.Broker.Close()) }()
	var rates []report.Pair
	var seconds []float64
	for n := range b.pairs {
		b.say("P6, pair %d of %d", n+1, b.pairs)
		took, err := b.rebuilt(ctx, f)
		if err != nil {
			return nil, err
		}
		bare, err := b.bare(ctx, f.Database)
		if err != nil {
			return nil, err
		}
		seconds = append(seconds, took.Seconds())
		rates = append(rates, report.Pair{Value: float64(b.events) / took.Seconds(), Baseline: float64(b.events) / bare.Seconds()})
	}
	whole := report.Result{ID: "P6-seconds", What: fmt.Sprintf("to rebuild from %d events", b.events), Better: report.Lower, Unit: "s"}
	if b.events == million {
		whole.Goal = withinSeconds
	}
	return []report.Result{
		report.Result{
			ID: "P6", What: fmt.Sprintf("events/s of duolog projection rebuild, %d events, %s bytes each", b.events, size), Goal: 1, Better: report.Higher, Unit: "/s",
			Baseline: "bare unnest inserts of the same rows into copies of all tables with all indexes, one connection, 500 events a transaction",
		}.Ratios(rates),
		whole.Values(seconds),
	}, nil
}

// rebuilt is how long the tool takes, its start and the statistics at its end
// included.
func (b *bench) rebuilt(ctx context.Context, f *lab.Fleet) (time.Duration, error) {
	if err := execute(ctx, f.Database, "DROP SCHEMA IF EXISTS bare CASCADE", "CHECKPOINT"); err != nil {
		return 0, err
	}
	began := b.now()
	profiled := b.profileTool(ctx, f)
	_, err := f.Tool(ctx, "projection", "rebuild", "--json")
	took := b.now().Sub(began)
	profiled()
	if err != nil {
		return 0, err
	}
	return took, b.complete(ctx, f.Database)
}

// profileTool profiles the tool once it runs, if profiles are asked for. A tool that
// ends before its profile does is no failure.
func (b *bench) profileTool(ctx context.Context, f *lab.Fleet) (wait func()) {
	if b.profile == "" {
		return func() {}
	}
	done := make(chan error, 1)
	time.AfterFunc(time.Second, func() { done <- b.saveProfiles(ctx, f.Tools, "P6", b.length) })
	return func() {
		if err := <-done; err != nil {
			b.note("P6 has no profile: %v", err)
		}
	}
}

// complete makes sure that every event was worth its time.
func (b *bench) complete(ctx context.Context, database string) error {
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return fmt.Errorf("connect to the database: %w", err)
	}
	defer conn.Close(ctx) //nolint:errcheck // only read from
	var accepted, not int
	err = conn.QueryRow(ctx, `SELECT (SELECT count(*) FROM commits), (SELECT count(*) FROM ignored) + (SELECT count(*) FROM stopped)`).Scan(&accepted, &not)
	if err == nil && (accepted != b.events || not != 0) {
		err = fmt.Errorf("%d commits are accepted of %d, %d records are ignored or streams stopped", accepted, b.events, not)
	}
	return err
}

const (
	// inTransaction is the most that the projector writes at once.
	inTransaction = 500
	// inMemory is how many events' rows are read at a time, outside of what is measured.
	inMemory = 20_000
)

// bare is how long it takes to insert the rows that were rebuilt.
func (b *bench) bare(ctx context.Context, database string) (time.Duration, error) {
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return 0, fmt.Errorf("connect to the database: %w", err)
	}
	defer conn.Close(ctx) //nolint:errcheck // only read from
	tables, err := derived(ctx, conn)
	if err != nil {
		return 0, err
	}
	unnest, err := baseline.NewUnnest(ctx, database, 1, tables...)
	if err != nil {
		return 0, err
	}
	defer unnest.Close()
	if err := execute(ctx, database, "CHECKPOINT"); err != nil {
		return 0, err
	}
	rounds := max(1, b.events/inMemory)
	cursors, err := cursorsOver(ctx, conn, tables, rounds)
	if err != nil {
		return 0, err
	}
	var took time.Duration
	for range rounds {
		var sets []*baseline.Rows
		for _, c := range cursors {
			rows, err := baseline.Fetch(ctx, conn, c.table, c.name, c.each)
			if err != nil {
				return 0, err
			}
			sets = append(sets, rows)
		}
		began := b.now()
		if err := unnest.Insert(ctx, sets, max(1, b.events/rounds/inTransaction)); err != nil {
			return 0, err
		}
		took += b.now().Sub(began)
	}
	return took, nil
}

// derived are the tables of the read models: all but those that say which log they
// are of, how far they are, and who works on them.
func derived(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	found, err := conn.Query(ctx, `SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' AND tablename NOT IN ('goose_db_version', 'log', 'offsets', 'nodes', 'leases') ORDER BY 1`)
	if err != nil {
		return nil, fmt.Errorf("list the tables: %w", err)
	}
	return pgx.CollectRows(found, pgx.RowTo[string])
}

// cursor reads a table in the order it was written, a part each round.
type cursor struct {
	table, name string
	each        int
}

func cursorsOver(ctx context.Context, conn *pgx.Conn, tables []string, rounds int) ([]cursor, error) {
	if _, err := conn.Exec(ctx, "SET synchronize_seqscans = off; SET enable_indexscan = off; SET enable_bitmapscan = off; BEGIN READ ONLY"); err != nil {
		return nil, fmt.Errorf("read the rows: %w", err)
	}
	var out []cursor
	for _, t := range tables {
		var rows int
		if err := conn.QueryRow(ctx, "SELECT count(*) FROM "+t).Scan(&rows); err != nil {
			return nil, fmt.Errorf("count %s: %w", t, err)
		}
		if rows == 0 {
			continue
		}
		if _, err := conn.Exec(ctx, fmt.Sprintf("DECLARE all_%[1]s NO SCROLL CURSOR FOR SELECT * FROM public.%[1]s", t)); err != nil {
			return nil, fmt.Errorf("read %s: %w", t, err)
		}
		out = append(out, cursor{t, "all_" + t, (rows + rounds - 1) / rounds})
	}
	return out, nil
}

// execute runs statements one by one.
func execute(ctx context.Context, database string, statements ...string) error {
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return fmt.Errorf("connect to the database: %w", err)
	}
	defer conn.Close(ctx) //nolint:errcheck // nothing is under way
	for _, s := range statements {
		if _, err := conn.Exec(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}
