package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/duolog/duolog/internal/kafka"
	"github.com/duolog/duolog/internal/postgres"
	"github.com/duolog/duolog/projections"
)

// store is the log and the database, opened for a tool.
type store struct {
	log *kafka.Log
	db  *postgres.DB
}

func (f storeFlags) kafka() (kafka.Config, connection, error) {
	c, err := f.resolve()
	if err != nil {
		return kafka.Config{}, c, err
	}
	return kafka.Config{
		Brokers: c.Brokers, Access: c.access, Prefix: c.Prefix, ClientID: "duolog-cli", Logger: slog.New(slog.DiscardHandler),
	}, c, nil
}

// openLog opens the log alone.
func (f storeFlags) openLog(ctx context.Context) (*kafka.Log, connection, error) {
	cfg, c, err := f.kafka()
	if err != nil {
		return nil, c, err
	}
	log, err := openLog(ctx, cfg)
	return log, c, err
}

// open opens both.
func (f storeFlags) open(ctx context.Context) (*store, error) {
	log, c, err := f.openLog(ctx)
	if err != nil {
		return nil, err
	}
	db, err := openDatabase(ctx, postgres.Config{URL: c.Database, MaxConns: 4})
	if err != nil {
		_ = log.Close()
		return nil, err
	}
	return &store{log: log, db: db}, nil
}

func (s *store) close() {
	s.db.Close()
	_ = s.log.Close()
}

// projector replays into the given database, where it is quiet unnoticed by others.
func (s *store) projector(a app, db *postgres.DB, visible *projections.Visible, quiet bool) (*projections.Projector, error) {
	collectLess(a.getenv, replayGC)
	return projections.New(projections.Config{
		Log: reading{s.log}, Pool: db.Write, Partitions: s.log.Genesis().Partitions, Build: build(),
		Visible: visible, Quiet: quiet, Logger: slog.New(slog.DiscardHandler), Now: a.now,
	})
}

// reading is the log as the projector reads it.
type reading struct{ *kafka.Log }

func (r reading) OpenReader(ctx context.Context, partition int32, from int64) (projections.Reader, error) {
	return r.Reader(ctx, partition, from)
}

// openLog opens the log and says in our own words when it cannot be reached.
func openLog(ctx context.Context, cfg kafka.Config) (*kafka.Log, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	return kafka.Open(ctx, cfg)
}

// openDatabase opens the database and says in our own words when it cannot be
// reached.
func openDatabase(ctx context.Context, cfg postgres.Config) (*postgres.DB, error) {
	if cfg.URL == "" {
		return nil, problem{"no database is named", "set --database-url or DUOLOG_DATABASE_URL to a postgres:// address"}
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	db, err := postgres.Open(ctx, cfg)
	if err != nil {
		return nil, problem{err.Error(), "check that Postgres runs there and that --database-url (DUOLOG_DATABASE_URL) names it"}
	}
	return db, nil
}
