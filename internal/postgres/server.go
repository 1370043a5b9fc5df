package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// NodeConns is how many connections a node takes at most: both pools.
const NodeConns = 2 * defaultConns

// Server is what matters of a server and of how it takes our settings.
type Server struct {
	// Version is as Postgres counts: 170004. VersionText is for people.
	Version     int
	VersionText string
	Encoding    string
	// Conns are those that a node can have at most, of all nodes together.
	Conns int
	// StatementTimeout ends statements that take longer; "0" is never.
	StatementTimeout string
	// SynchronousCommit is that of Write, Isolation that of Read: a pooler between
	// may drop what was asked for.
	SynchronousCommit, Isolation string
	Now                          time.Time
}

// Server asks the server about itself.
func (db *DB) Server(ctx context.Context) (Server, error) {
	var s Server
	err := db.Write.QueryRow(ctx, `SELECT current_setting('server_version_num')::int, current_setting('server_version'), current_setting('server_encoding'),
		current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
		current_setting('statement_timeout'), current_setting('synchronous_commit'), clock_timestamp()`).
		Scan(&s.Version, &s.VersionText, &s.Encoding, &s.Conns, &s.StatementTimeout, &s.SynchronousCommit, &s.Now)
	if err == nil {
		err = db.Read.QueryRow(ctx, `SELECT current_setting('transaction_isolation')`).Scan(&s.Isolation)
	}
	if err != nil {
		return s, fmt.Errorf("ask the database about itself: %w", err)
	}
	return s, nil
}

// MissingTables are those of Duolog that are not there.
func (db *DB) MissingTables(ctx context.Context) ([]string, error) {
	rows, err := db.Write.Query(ctx, `SELECT t FROM unnest(ARRAY['log', 'offsets', 'nodes', 'leases', 'commits', 'heads', 'stopped']) AS t WHERE to_regclass(t) IS NULL`)
	if err != nil {
		return nil, fmt.Errorf("look for the tables: %w", err)
	}
	missing, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("look for the tables: %w", err)
	}
	return missing, nil
}
