// Package postgres opens the read models: two pools with the settings the rest
// of Duolog counts on, the migrations, and the announcements of other nodes.
package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/schemas"
)

// Config is how to reach the database.
type Config struct {
	// URL is a postgres:// address.
	URL string
	// Schema is the search path; empty means the connection's own. Rebuilds
	// for comparison use a schema of their own.
	Schema string
	// MaxConns bounds each of the two pools; 0 means defaultConns.
	MaxConns int32
	// OnRestart is called with the offsets that are there when a connection
	// for reading finds that the server was started anew: it may have lost what
	// was last committed. No query is answered on Read before it has returned
	// nil; the next connection asks again. It may use Write. May be nil.
	OnRestart func(ctx context.Context, offsets map[int32]int64) error
}

const defaultConns = 16

// DB holds the two pools. Write commits with synchronous_commit off: what a
// crash of the server loses is derived again from the log. Read runs its
// transactions read-only at repeatable read, so that the statements of one
// batch are one cut.
type DB struct {
	Write *pgxpool.Pool
	Read  *pgxpool.Pool

	url string
}

// ErrUnreachable says that there is no server, or not one for us.
var ErrUnreachable = errors.New("the database cannot be reached")

// Open connects. It fails when the server cannot be reached.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	write, err := open(ctx, cfg, map[string]string{"synchronous_commit": "off"}, nil)
	if err != nil {
		return nil, err
	}
	watch := &restartWatch{notify: cfg.OnRestart}
	read, err := open(ctx, cfg, map[string]string{
		"default_transaction_isolation": "repeatable read", "default_transaction_read_only": "on",
	}, watch.afterConnect)
	if err != nil {
		write.Close()
		return nil, err
	}
	return &DB{Write: write, Read: read, url: cfg.URL}, nil
}

func open(ctx context.Context, cfg Config, params map[string]string, after func(context.Context, *pgx.Conn) error) (*pgxpool.Pool, error) {
	c, err := pgxpool.ParseConfig(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	maps.Copy(c.ConnConfig.RuntimeParams, params)
	if cfg.Schema != "" {
		c.ConnConfig.RuntimeParams["search_path"] = cfg.Schema
	}
	c.ConnConfig.RuntimeParams["application_name"] = "duolog"
	c.ConnConfig.ConnectTimeout = 5 * time.Second
	c.MaxConns = cfg.MaxConns
	if c.MaxConns == 0 {
		c.MaxConns = defaultConns
	}
	c.AfterConnect = after
	pool, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return pool, nil
}

// Close ends all connections.
func (db *DB) Close() {
	db.Read.Close()
	db.Write.Close()
}

// restartWatch notices that the server was started anew, before the first
// query on a new connection is answered.
type restartWatch struct {
	mu      sync.Mutex
	started time.Time
	notify  func(context.Context, map[int32]int64) error
}

// restartTime is how long a connection waits for OnRestart.
const restartTime = 5 * time.Second

// behindError says that the server was started anew and does not yet show what
// it showed before.
type behindError struct{ error }

// SafeToRetry says that nothing was asked on the connection.
func (behindError) SafeToRetry() bool { return true }

func (e behindError) Unwrap() error { return e.error }

func (w *restartWatch) afterConnect(ctx context.Context, c *pgx.Conn) error {
	if w.notify == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var started time.Time
	if err := c.QueryRow(ctx, `SELECT pg_postmaster_start_time()`).Scan(&started); err != nil {
		return fmt.Errorf("ask when the server was started: %w", err)
	}
	if w.started.Equal(started) || w.started.IsZero() {
		w.started = started
		return nil
	}
	offsets, err := readOffsets(ctx, c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, restartTime)
	defer cancel()
	if err := w.notify(ctx, offsets); err != nil {
		return behindError{fmt.Errorf("wait until the restarted database shows what it showed: %w", err)}
	}
	w.started = started
	return nil
}

// queryer reads.
type queryer interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func readOffsets(ctx context.Context, q queryer) (map[int32]int64, error) {
	rows, err := q.Query(ctx, `SELECT partition, next FROM offsets`)
	if err != nil {
		return nil, fmt.Errorf("read offsets: %w", err)
	}
	out := map[int32]int64{}
	var p int32
	var next int64
	_, err = pgx.ForEachRow(rows, []any{&p, &next}, func() error {
		out[p] = next
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read offsets: %w", err)
	}
	return out, nil
}

// Offsets reads how far each partition is projected.
func (db *DB) Offsets(ctx context.Context) (map[int32]int64, error) {
	return readOffsets(ctx, db.Write)
}

// Derived is how far a partition is projected, and its last accepted commit.
type Derived struct {
	Partition int32
	Next      int64
	// Last is nil where no commit was accepted.
	Last *int64
	Hash []byte
}

// Derived reads, in one cut, how far each partition is projected.
func (db *DB) Derived(ctx context.Context) ([]Derived, error) {
	rows, err := db.Write.Query(ctx, `SELECT o.partition, o.next, c."offset", c.hash FROM offsets o
		LEFT JOIN LATERAL (SELECT "offset", hash FROM commits WHERE partition = o.partition ORDER BY "offset" DESC LIMIT 1) c ON true`)
	if err != nil {
		return nil, fmt.Errorf("read how far the read models are: %w", err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Derived])
	if err != nil {
		return nil, fmt.Errorf("read how far the read models are: %w", err)
	}
	return out, nil
}

// Migrate brings the tables up to date, under a lock: nodes may start at once.
func (db *DB) Migrate(ctx context.Context) error {
	files, err := fs.Sub(schemas.Postgres, "postgres")
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	std := stdlib.OpenDBFromPool(db.Write)
	defer std.Close() //nolint:errcheck // the pool stays
	return db.underLock(ctx, func() error {
		if err := db.ensureSchema(ctx); err != nil {
			return err
		}
		return migrate(ctx, std, files)
	})
}

// ensureSchema makes the schema of the search path again where it was dropped:
// everything in it can be derived.
func (db *DB) ensureSchema(ctx context.Context) error {
	const sql = `DO $$ BEGIN IF current_schema() IS NULL THEN CREATE SCHEMA public; END IF; END $$`
	if _, err := db.Write.Exec(ctx, sql); err != nil {
		return fmt.Errorf("make the schema: %w", err)
	}
	return nil
}

func migrate(ctx context.Context, std *sql.DB, files fs.FS) error {
	p, err := goose.NewProvider(goose.DialectPostgres, std, files)
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate the read models: %w", err)
	}
	return nil
}

// migrationLock is the advisory lock of migrations.
const migrationLock = 0x64756f6c6f67

func (db *DB) underLock(ctx context.Context, do func() error) error {
	conn, err := db.Write.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, int64(migrationLock)); err != nil {
		return fmt.Errorf("wait for another node's migration: %w", err)
	}
	defer conn.Exec(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, int64(migrationLock)) //nolint:errcheck // ends with the session too
	return do()
}

// ErrForeignLog says that these read models derive from another log.
var ErrForeignLog = errors.New("the database belongs to another log")

// BindLog ties empty read models to the log, or says that they belong to
// another one.
func (db *DB) BindLog(ctx context.Context, g journal.Genesis) error {
	if _, err := db.Write.Exec(ctx, `INSERT INTO log (id, partitions) VALUES ($1, $2) ON CONFLICT DO NOTHING`, g.Log, g.Partitions); err != nil {
		return fmt.Errorf("note the log's id: %w", err)
	}
	return db.OfLog(ctx, g)
}

// OfLog says whether the read models derive from the log.
func (db *DB) OfLog(ctx context.Context, g journal.Genesis) error {
	var id uuid.UUID
	var partitions int32
	if err := db.Write.QueryRow(ctx, `SELECT id, partitions FROM log`).Scan(&id, &partitions); err != nil {
		return fmt.Errorf("read the log's id: %w", err)
	}
	if id != g.Log || partitions != g.Partitions {
		return fmt.Errorf("%w: it knows log %s with %d partitions, the journal is %s with %d", ErrForeignLog, id, partitions, g.Log, g.Partitions)
	}
	return nil
}

// Log is the log that the read models derive from, as text, or nothing.
func (db *DB) Log(ctx context.Context) (string, error) {
	var id string
	if err := db.Write.QueryRow(ctx, `SELECT coalesce((SELECT id::text FROM log), '')`).Scan(&id); err != nil {
		return "", fmt.Errorf("read the log's id: %w", err)
	}
	return id, nil
}

// Writable says why the server takes no writes: its disk is full, it is a
// standby. Nothing of the try stays.
func (db *DB) Writable(ctx context.Context) error {
	tx, err := db.Write.Begin(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	defer tx.Rollback(ctx) //nolint:errcheck // the rollback is the point
	if _, err := tx.Exec(ctx, `CREATE TEMP TABLE probe ON COMMIT DROP AS SELECT repeat('x', 8000) AS v FROM generate_series(1, 8)`); err != nil {
		return fmt.Errorf("the database takes no writes: %w", err)
	}
	return nil
}

// KnowsLog says whether the read models are bound to a log.
func (db *DB) KnowsLog(ctx context.Context) (bool, error) {
	var known bool
	if err := db.Write.QueryRow(ctx, `SELECT EXISTS (SELECT FROM log)`).Scan(&known); err != nil {
		return false, fmt.Errorf("read the log's id: %w", err)
	}
	return known, nil
}

// Listen tells how far the partitions are, and then of batches that other nodes
// commit, until ctx ends or the connection breaks; the caller listens again.
func (db *DB) Listen(ctx context.Context, channel string, advance func(partition int32, next int64)) error {
	conn, err := db.Write.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, `LISTEN `+pgx.Identifier{channel}.Sanitize()); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	defer conn.Exec(context.WithoutCancel(ctx), `UNLISTEN *`) //nolint:errcheck // ends with the session too
	offsets, err := readOffsets(ctx, conn)                    // what was announced before
	if err != nil {
		return err
	}
	for p, next := range offsets {
		advance(p, next)
	}
	for {
		n, err := conn.Conn().WaitForNotification(ctx)
		if err != nil {
			return err
		}
		left, right, _ := strings.Cut(n.Payload, ":")
		p, err1 := strconv.ParseInt(left, 10, 32)
		next, err2 := strconv.ParseInt(right, 10, 64)
		if err1 == nil && err2 == nil {
			advance(int32(p), next)
		}
	}
}
