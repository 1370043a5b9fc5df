package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/handlers/wait"
	"github.com/duolog/duolog/projections"
)

// until is where read models of the past end.
type until struct {
	// text is what was asked for.
	text string
	// ends is the first offset of each partition that is left out.
	ends map[int32]int64
	// time is set where commits after it are left out.
	time time.Time
}

// schemaName is what the schema of the past may be called.
var schemaName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)

// Comments of schemas that a rebuild made: while it fills one, and once it is complete.
const (
	unfinishedSchema = "Duolog read models that are not complete, until "
	pastSchema       = "Duolog read models until "
)

// past builds the read models of then in a schema of their own, which stays.
func (c projectionRebuildCmd) past(ctx context.Context, a app, s *store) (err error) {
	if !schemaName.MatchString(c.Into) || strings.HasPrefix(c.Into, "pg_") {
		return problem{fmt.Sprintf("--into %q cannot be the name of a schema", c.Into), "use lower-case letters, digits and _, such as --into before_the_incident"}
	}
	if err := free(ctx, s.db.Write, c.Into); err != nil {
		return err
	}
	upto, err := c.until(ctx, a, s)
	if err != nil {
		return err
	}
	_, where, err := c.kafka()
	if err != nil {
		return err
	}
	began := a.now()
	db, drop, err := scratch(ctx, s, where.Database, c.Into)
	if err != nil {
		return err
	}
	done := false
	defer func() {
		if done {
			db.Close()
			return
		}
		err = errors.Join(err, drop())
	}()
	if err := note(ctx, s.db.Write, c.Into, unfinishedSchema+upto.text); err != nil {
		return err
	}
	collectLess(a.getenv, replayGC)
	projector, err := projections.New(projections.Config{
		Log: earlier{reading{s.log}, upto.time, s.log.Genesis().Partitions}, Pool: db.Write, Partitions: s.log.Genesis().Partitions, Build: build(),
		Visible: projections.NewVisible(), Quiet: true, Logger: slog.New(slog.DiscardHandler), Now: a.now,
	})
	if err != nil {
		return err
	}
	m := newMeter(a, upto.ends)
	defer m.end()
	if err := replay(ctx, projector, upto.ends, m); err != nil {
		return err
	}
	if err := projections.Analyze(ctx, db.Write); err != nil {
		return err
	}
	if err := note(ctx, s.db.Write, c.Into, pastSchema+upto.text); err != nil {
		return err
	}
	done = true
	return c.sayPast(a, m, upto, a.now().Sub(began))
}

func (c projectionRebuildCmd) sayPast(a app, m *meter, upto until, took time.Duration) error {
	if c.JSON {
		return json.NewEncoder(a.out).Encode(map[string]any{"schema": c.Into, "until": upto.text, "records": m.total, "seconds": took.Seconds()})
	}
	m.end()
	_, err := fmt.Fprintf(a.out, "schema %s has the read models until %s, of %d records, in %s\n  read them:    duolog serve --read-schema %[1]s --listen 127.0.0.1:8081, with the configuration of a node\n  remove them:  duolog projection drop --schema %[1]s\n",
		c.Into, upto.text, m.total, seconds(took.Seconds()))
	return err
}

// note says in the database what a schema is.
func note(ctx context.Context, pool *pgxpool.Pool, schema, comment string) error {
	sql := "COMMENT ON SCHEMA " + pgx.Identifier{schema}.Sanitize() + " IS '" + strings.ReplaceAll(comment, "'", "") + "'"
	if _, err := pool.Exec(ctx, sql); err != nil {
		return fmt.Errorf("say what schema %s is: %w", schema, err)
	}
	return nil
}

// free refuses a schema that is there.
func free(ctx context.Context, pool *pgxpool.Pool, schema string) error {
	_, there, err := describe(ctx, pool, schema)
	if err == nil && there {
		err = problem{"schema " + schema + " is there already", "name another one; duolog projection drop --schema " + schema + " removes one that a rebuild made"}
	}
	return err
}

// describe is the comment of a schema, if there is such a schema.
func describe(ctx context.Context, pool *pgxpool.Pool, schema string) (comment string, there bool, err error) {
	err = pool.QueryRow(ctx, `SELECT coalesce(obj_description(oid, 'pg_namespace'), '') FROM pg_namespace WHERE nspname = $1`, schema).Scan(&comment)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("look for schema %s: %w", schema, err)
	}
	return comment, true, nil
}

// until reads where it ends: a time, positions, or, without either, now. A partition
// that no position names is taken whole.
func (c projectionRebuildCmd) until(ctx context.Context, a app, s *store) (until, error) {
	ends, err := s.log.Reach(ctx)
	if err != nil {
		return until{}, err
	}
	out := until{text: strings.Join(c.Until, " "), ends: ends}
	if len(c.Until) == 0 {
		out.text = a.now().UTC().Format(time.RFC3339)
		return out, nil
	}
	if at, err := moment(c.Until[0], a.now()); err == nil && len(c.Until) == 1 {
		out.time, out.text = at, at.UTC().Format(time.RFC3339Nano)
		return out, out.byTime(ctx, s)
	}
	for _, text := range c.Until {
		at, err := domain.ParseToken(text, s.log.Genesis().Log)
		if err != nil || at.Partition >= s.log.Genesis().Partitions {
			return out, problem{"--until " + text + " is no time and no position of this log", "write 2026-11-21T10:00:00Z, how long ago (90m), or positions such as --until 0:1041,3:977"}
		}
		out.ends[at.Partition] = min(ends[at.Partition], at.Offset+1)
	}
	return out, nil
}

// catchUp is how long the live read models may take to show what the log holds.
const catchUp = 30 * time.Second

// byTime ends each partition with its last commit that is not after the time. The live
// read models know where that is.
func (u *until) byTime(ctx context.Context, s *store) error {
	if err := shows(ctx, s, u.ends); err != nil {
		return err
	}
	rows, err := s.db.Read.Query(ctx, `SELECT partition, max("offset") + 1 FROM commits WHERE time <= $1 GROUP BY partition`, u.time)
	if err != nil {
		return fmt.Errorf("find the commits until %s: %w", u.time, err)
	}
	for p, end := range u.ends {
		u.ends[p] = min(end, 1) // the genesis record
	}
	var p int32
	var end int64
	if _, err := pgx.ForEachRow(rows, []any{&p, &end}, func() error { u.ends[p] = end; return nil }); err != nil {
		return fmt.Errorf("find the commits until %s: %w", u.time, err)
	}
	return nil
}

// shows waits until the live read models show all of the log.
func shows(ctx context.Context, s *store, ends map[int32]int64) error {
	ctx, cancel := context.WithTimeout(ctx, catchUp)
	defer cancel()
	for {
		offsets, err := s.db.Offsets(ctx)
		if err != nil {
			return err
		}
		behind := false
		for p, end := range ends {
			behind = behind || offsets[p] < end
		}
		if !behind {
			return nil
		}
		if !wait.For(ctx, 100*time.Millisecond) {
			return problem{"the read models do not show all of the log, so it is not known where that time is in it", "start a node and wait (duolog projection status), or name positions"}
		}
	}
}

// earlier is a log without the commits after a time; the zero time leaves out none. The
// times of a stream's commits only grow, so each stream ends where it stood then.
type earlier struct {
	projections.Log

	time       time.Time
	partitions int32
}

// OpenReader opens one partition.
func (e earlier) OpenReader(ctx context.Context, partition int32, from int64) (projections.Reader, error) {
	r, err := e.Log.OpenReader(ctx, partition, from)
	if err != nil || e.time.IsZero() {
		return r, err
	}
	return earlierReader{r, e}, nil
}

type earlierReader struct {
	projections.Reader

	of earlier
}

// Next goes on until there is a record that is not left out.
func (r earlierReader) Next(ctx context.Context, maxRecords, maxBytes int) ([]journal.Record, error) {
	for {
		records, err := r.Reader.Next(ctx, maxRecords, maxBytes)
		if err != nil {
			return nil, err
		}
		var out []journal.Record
		for _, record := range records {
			p := journal.Parse(record, r.of.partitions)
			if p.What != journal.WhatCommit || !p.Commit.Time.After(r.of.time) {
				out = append(out, record)
			}
		}
		if len(out) > 0 {
			return out, nil
		}
	}
}

// projectionDropCmd removes read models of the past.
type projectionDropCmd struct {
	storeFlags

	Schema string `required:"" help:"The schema that duolog projection rebuild --into made." placeholder:"SCHEMA"`
}

// Run drops the schema, if a rebuild made it.
func (c projectionDropCmd) Run(ctx context.Context, a app) error {
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	comment, there, err := describe(ctx, s.db.Write, c.Schema)
	if err != nil {
		return err
	}
	if !there || !strings.HasPrefix(comment, pastSchema) && !strings.HasPrefix(comment, unfinishedSchema) {
		return problem{"schema " + c.Schema + " is none that duolog projection rebuild --into made", "check its name: SELECT nspname, obj_description(oid, 'pg_namespace') FROM pg_namespace"}
	}
	if _, err := s.db.Write.Exec(ctx, "DROP SCHEMA "+pgx.Identifier{c.Schema}.Sanitize()+" CASCADE"); err != nil {
		return fmt.Errorf("drop schema %s: %w", c.Schema, err)
	}
	if c.JSON {
		return json.NewEncoder(a.out).Encode(map[string]string{"dropped": c.Schema})
	}
	_, err = fmt.Fprintf(a.out, "dropped schema %s: %s\n", c.Schema, comment)
	return err
}
