package baseline

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/duolog/duolog/bench/load"
)

// Callers is how many do the bare work at once.
const Callers = 32

// Inserter inserts single rows of 2 KB, each in a transaction of its own that is on
// disk when it returns.
type Inserter struct {
	// How says what inserts.
	How string

	pool    *pgxpool.Pool
	pgbench string
	url     *url.URL
	script  string
	texts   load.Texts
}

// NewInserter makes its table in an empty database.
func NewInserter(ctx context.Context, database, dir string, from load.Texts) (*Inserter, error) {
	u, err := url.Parse(database)
	if err != nil {
		return nil, fmt.Errorf("read the address of the database: %w", err)
	}
	i := &Inserter{url: u, texts: from, How: "pgbench", script: filepath.Join(dir, "insert.sql")}
	if i.pool, err = open(ctx, database, Callers, "on"); err != nil {
		return nil, err
	}
	if _, err := i.pool.Exec(ctx, `CREATE TABLE bench (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text NOT NULL)`); err != nil {
		i.pool.Close()
		return nil, fmt.Errorf("create the table: %w", err)
	}
	if i.pgbench = findPgbench(); i.pgbench == "" {
		i.How = "a pgx loop, pgbench is not installed,"
		return i, nil
	}
	insert := fmt.Sprintf("INSERT INTO bench (body) VALUES ('%s');\n", from.Cut(load.Small))
	return i, os.WriteFile(i.script, []byte(insert), 0o600)
}

// open is a pool whose transactions wait for the disk, or do not.
func open(ctx context.Context, database string, connections int32, synchronous string) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(database)
	if err != nil {
		return nil, fmt.Errorf("read the address of the database: %w", err)
	}
	cfg.MaxConns = connections
	cfg.ConnConfig.RuntimeParams["synchronous_commit"] = synchronous
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	return pool, nil
}

// findPgbench looks where packages put it.
func findPgbench() string {
	if path, err := exec.LookPath("pgbench"); err == nil {
		return path
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pgbench")
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1]
}

// Rate is inserts per second of 32 clients.
func (i *Inserter) Rate(ctx context.Context, length time.Duration, now func() time.Time) (float64, error) {
	if i.pgbench == "" {
		c, err := load.Closed(ctx, length, now, i.callers(ctx))
		return c.Rate(), err
	}
	seconds := strconv.Itoa(max(1, int(length.Seconds())))
	password, _ := i.url.User.Password()
	cmd := exec.CommandContext(ctx, i.pgbench, "-n", "-M", "prepared", "-c", strconv.Itoa(Callers), "-j", "2", "-T", seconds, "-f", i.script, //nolint:gosec // our own arguments
		"-h", i.url.Hostname(), "-p", i.url.Port(), "-U", i.url.User.Username(), i.url.Path[1:])
	cmd.Env = append(os.Environ(), "PGPASSWORD="+password, "PGOPTIONS=-c synchronous_commit=on")
	said, err := cmd.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("pgbench: %w\n%s", err, said)
	}
	if bytes.Contains(said, []byte("actually processed: 0")) {
		return 0, nil // the time was over before all clients were connected
	}
	found := regexp.MustCompile(`tps = ([0-9.]+)`).FindSubmatch(said)
	if found == nil {
		return 0, fmt.Errorf("pgbench said no tps:\n%s", said)
	}
	return strconv.ParseFloat(string(found[1]), 64)
}

// callers stand in for pgbench where it is not installed.
func (i *Inserter) callers(ctx context.Context) []func() error {
	out := make([]func() error, Callers)
	for n := range out {
		out[n] = func() error { return i.One(ctx) }
	}
	return out
}

// One inserts one row.
func (i *Inserter) One(ctx context.Context) error {
	_, err := i.pool.Exec(ctx, `INSERT INTO bench (body) VALUES ($1)`, string(i.texts.Cut(load.Small)))
	return err
}

// Close ends the connections.
func (i *Inserter) Close() { i.pool.Close() }
