package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/duolog/duolog/internal/postgres"
)

// scratch makes a set of empty tables in a schema of their own. What stood there is of
// a process that was killed.
func scratch(ctx context.Context, s *store, url, schema string) (db *postgres.DB, drop func() error, err error) {
	name := pgx.Identifier{schema}.Sanitize()
	drop = func() error {
		if db != nil {
			db.Close()
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		if _, err := s.db.Write.Exec(ctx, "DROP SCHEMA IF EXISTS "+name+" CASCADE"); err != nil {
			return problem{fmt.Sprintf("the tables in schema %s could not be dropped: %v", schema, err), "they are nobody's: DROP SCHEMA " + name + " CASCADE"}
		}
		return nil
	}
	if err := drop(); err != nil {
		return nil, nil, err
	}
	if _, err := s.db.Write.Exec(ctx, "CREATE SCHEMA "+name); err != nil {
		return nil, nil, problem{fmt.Sprintf("a schema for a second set of tables cannot be made: %v", err), "let the role of Duolog make one: GRANT CREATE ON DATABASE … TO …"}
	}
	db, err = openDatabase(ctx, postgres.Config{URL: url, Schema: schema, MaxConns: 8})
	if err == nil {
		err = errors.Join(db.Migrate(ctx), db.BindLog(ctx, s.log.Genesis()))
	}
	if err != nil {
		return nil, nil, errors.Join(err, drop())
	}
	return db, drop, nil
}

// alone keeps a second rebuild of the same tables away, until the returned function is
// called or the process ends.
func alone(ctx context.Context, pool *pgxpool.Pool, live string) (free func(), err error) {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	var ours bool
	if err := conn.QueryRow(ctx, `SELECT pg_try_advisory_lock(hashtextextended('duolog rebuild ' || $1, 0))`, live).Scan(&ours); err != nil {
		conn.Release()
		return nil, fmt.Errorf("keep other rebuilds away: %w", err)
	}
	if !ours {
		conn.Release()
		return nil, problem{"another rebuild of these tables is under way", "wait for it, or stop it: nothing of it stays"}
	}
	return func() { _ = conn.Hijack().Close(context.WithoutCancel(ctx)) }, nil // the lock goes with the session
}
