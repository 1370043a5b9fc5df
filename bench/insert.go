package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"

	"github.com/jackc/pgx/v5/pgxpool"
)

// inserter inserts single rows into the server that holds the read models, each
// in a transaction of its own that is on disk when it returns.
type inserter struct {
	// how says what inserts.
	how     string
	pool    *pgxpool.Pool
	pgbench string
	url     *url.URL
	script  string
	texts   []byte
}

const benchDatabase = "bench"

func newInserter(ctx context.Context, database, dir string, from []byte) (*inserter, error) {
	u, err := url.Parse(database)
	if err != nil {
		return nil, fmt.Errorf("read the address of the database: %w", err)
	}
	admin, err := pgxpool.New(ctx, database)
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	_, err = admin.Exec(ctx, "CREATE DATABASE "+benchDatabase)
	admin.Close()
	if err != nil {
		return nil, fmt.Errorf("create database %s: %w", benchDatabase, err)
	}
	u.Path = "/" + benchDatabase
	i := &inserter{url: u, texts: from, how: "pgbench", script: filepath.Join(dir, "insert.sql")}
	if i.pool, err = i.open(ctx); err != nil {
		return nil, err
	}
	if i.pgbench = findPgbench(); i.pgbench == "" {
		i.how = "a pgx loop, pgbench is not installed,"
		return i, nil
	}
	insert := fmt.Sprintf("INSERT INTO bench (body) VALUES ('%s');\n", cutText(from))
	return i, os.WriteFile(i.script, []byte(insert), 0o600)
}

func (i *inserter) open(ctx context.Context) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(i.url.String())
	if err != nil {
		return nil, fmt.Errorf("read the address of the database: %w", err)
	}
	cfg.MaxConns = callers
	cfg.ConnConfig.RuntimeParams["synchronous_commit"] = "on"
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", benchDatabase, err)
	}
	if _, err := pool.Exec(ctx, `CREATE TABLE bench (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text NOT NULL)`); err != nil {
		pool.Close()
		return nil, fmt.Errorf("create the table: %w", err)
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

// rate is inserts per second.
func (i *inserter) rate(ctx context.Context, o options) (float64, error) {
	if i.pgbench == "" {
		return drive(ctx, o, i.callers(ctx))
	}
	seconds := strconv.Itoa(max(1, int(o.length.Seconds())))
	password, _ := i.url.User.Password()
	cmd := exec.CommandContext(ctx, i.pgbench, "-n", "-M", "prepared", "-c", strconv.Itoa(callers), "-j", "1", "-T", seconds, "-f", i.script, //nolint:gosec // our own arguments
		"-h", i.url.Hostname(), "-p", i.url.Port(), "-U", i.url.User.Username(), benchDatabase)
	cmd.Env = append(os.Environ(), "PGPASSWORD="+password, "PGOPTIONS=-c synchronous_commit=on")
	said, err := cmd.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("pgbench: %w\n%s", err, said)
	}
	found := regexp.MustCompile(`tps = ([0-9.]+)`).FindSubmatch(said)
	if found == nil {
		return 0, fmt.Errorf("pgbench said no tps:\n%s", said)
	}
	return strconv.ParseFloat(string(found[1]), 64)
}

// callers stand in for pgbench where it is not installed.
func (i *inserter) callers(ctx context.Context) []func() error {
	out := make([]func() error, callers)
	for n := range out {
		out[n] = func() error {
			_, err := i.pool.Exec(ctx, `INSERT INTO bench (body) VALUES ($1)`, string(cutText(i.texts)))
			return err
		}
	}
	return out
}

func (i *inserter) close() { i.pool.Close() }
