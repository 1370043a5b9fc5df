package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/bench/report"
	"github.com/duolog/duolog/bench/savers"
)

// The conversation of P4: steps and bytes of a message. A quick run takes fewer.
const storedSteps, storedItem, storedQuick = 200, 4000, 40

// storedKinds are the texts that messages are made of.
func storedKinds() []string { return []string{"random", "english"} }

// storedRows are those of one language.
func storedRows(language string) []string {
	var out []string
	for _, kind := range storedKinds() {
		out = append(out, "P4-"+language+"-"+kind, "P4-"+language+"-"+kind+"-log")
	}
	return out
}

func allStoredRows() []string {
	return append(storedRows(savers.Python), storedRows(savers.JavaScript)...)
}

// stored measures what conversations of a real graph take on disk.
func (b *bench) stored(ctx context.Context) (out []report.Result, err error) {
	s, err := b.besides(ctx, storedRows)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	for _, p := range s.programs {
		for _, kind := range storedKinds() {
			some, err := s.conversations(ctx, p, kind)
			if err != nil {
				return nil, err
			}
			out = append(out, some...)
		}
	}
	return out, nil
}

func (s *beside) conversations(ctx context.Context, p *savers.Program, kind string) ([]report.Result, error) {
	id, steps := "P4-"+p.Language+"-"+kind, storedSteps
	if !s.bench.wants(id) {
		return nil, nil
	}
	if s.bench.quick() {
		steps = storedQuick
	}
	var tables []report.Pair
	var log []float64
	for n := range s.bench.pairs {
		s.bench.say("%s, pair %d of %d", id, n+1, s.bench.pairs)
		args := savers.Args{"do": "conversation", "steps": steps, "size": storedItem, "kind": kind}
		stock, _, err := s.grows(ctx, p, savers.Stock, args)
		if err != nil {
			return nil, err
		}
		ours, journal, err := s.grows(ctx, p, savers.Duolog, args)
		if err != nil {
			return nil, err
		}
		tables = append(tables, report.Pair{Value: ours / float64(steps), Baseline: stock / float64(steps)})
		log = append(log, journal/float64(steps))
	}
	what := fmt.Sprintf("a step, conversation of %d messages of 4 KB of %s text", steps, kind)
	return []report.Result{
		report.Result{ID: id, What: "bytes in Postgres " + what, Baseline: stockOf(p.Language), Goal: 0.0222, Better: report.Lower, Unit: "B"}.Ratios(tables),
		report.Result{ID: id + "-log", What: "bytes of the journal on disk " + what, Goal: 5000, Better: report.Lower, Unit: "B"}.Values(log),
	}, nil
}

// grows is by how much tables and journal grow when a saver keeps a conversation.
func (s *beside) grows(ctx context.Context, p *savers.Program, saver string, args savers.Args) (tables, journal float64, err error) {
	database := s.stock
	if saver == savers.Duolog {
		database = s.fleet.Database
	}
	size := func() (tables, journal int64, err error) {
		if tables, err = tableBytes(ctx, database); err == nil {
			journal, err = s.fleet.LogBytes("journal")
		}
		return tables, journal, err
	}
	args["saver"] = saver
	// One like it brings what is there once: tables, and for each of some pages its map of
	// free space, which takes 24 KB.
	if _, err := p.Do(args); err != nil {
		return 0, 0, err
	}
	tablesBefore, journalBefore, err := size()
	if err != nil {
		return 0, 0, err
	}
	if _, err := p.Do(args); err != nil {
		return 0, 0, err
	}
	if err := s.fleet.Quiet(ctx); err != nil {
		return 0, 0, err
	}
	tablesAfter, journalAfter, err := size()
	return float64(tablesAfter - tablesBefore), float64(journalAfter - journalBefore), err
}

// tableBytes is what all tables of a database take on disk, with indexes and what is
// stored out of line, after what is dead was given back.
func tableBytes(ctx context.Context, database string) (total int64, err error) {
	if err := settle(ctx, database); err != nil {
		return 0, err
	}
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return 0, fmt.Errorf("connect to the database: %w", err)
	}
	defer conn.Close(ctx) //nolint:errcheck // nothing is under way
	if _, err := conn.Exec(ctx, "CHECKPOINT"); err != nil {
		return 0, fmt.Errorf("write the database out: %w", err)
	}
	err = conn.QueryRow(ctx, `SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')`).Scan(&total)
	if err != nil {
		return 0, fmt.Errorf("measure the tables: %w", err)
	}
	return total, nil
}
