package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// superuser owns the embedded server; its password is random and stays in the directory.
const superuser = "duolog"

// StopMode says how a server ends.
type StopMode int

const (
	// Fast rolls back what runs, writes everything out and ends: the next start needs no recovery.
	Fast StopMode = iota
	// Immediate ends at once, like a crash: the next start recovers from the write-ahead log.
	Immediate
)

func (m StopMode) signal() syscall.Signal {
	if m == Immediate {
		return syscall.SIGQUIT
	}
	return syscall.SIGINT
}

// Postgres is a server run as a child of this process. Its methods may be called from any goroutine.
type Postgres struct {
	cfg      PostgresConfig
	logger   *slog.Logger
	dir      string
	lock     *DirLock
	server   server
	identity identity
	password string
	host     string

	mu    sync.Mutex // guards what follows
	port  int        // 0 until the first start has found one
	child *process   // nil before the first start
}

// StartPostgres makes the database in cfg.Dir if there is none, starts the server and returns when it
// accepts connections. It returns an *InUseError when another process runs that directory. A leftover
// of a killed process is ended first. ctx bounds the start, not the server's life: call Close.
func StartPostgres(ctx context.Context, cfg PostgresConfig) (*Postgres, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	p, err := openPostgres(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if err := p.prepare(ctx); err != nil {
		return nil, errors.Join(err, p.Close(ctx))
	}
	if err := p.Start(ctx); err != nil {
		return nil, errors.Join(err, p.Close(ctx))
	}
	return p, nil
}

// openPostgres claims the directory; nothing in it has been touched yet.
func openPostgres(ctx context.Context, cfg PostgresConfig) (*Postgres, error) {
	host, port, err := cfg.hostPort()
	if err != nil {
		return nil, err
	}
	p := &Postgres{cfg: cfg, logger: cfg.Logger, host: host, port: port}
	if p.logger == nil {
		p.logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Ephemeral {
		p.dir, p.lock, err = ephemeralDir(ctx)
		return p, err
	}
	// Absolute, because the server runs elsewhere, and free of links, because that is how the system
	// names the working directory of a leftover.
	if p.dir, err = filepath.Abs(cfg.Dir); err != nil {
		return nil, fmt.Errorf("resolve %s: %w", cfg.Dir, err)
	}
	if p.lock, err = lockFile(p.dir, postgresLock); err != nil {
		return nil, err
	}
	if p.dir, err = filepath.EvalSymlinks(p.dir); err != nil {
		return nil, errors.Join(fmt.Errorf("resolve %s: %w", cfg.Dir, err), p.lock.Close())
	}
	return p, nil
}

// prepare finds a server, the identity to run it as, and makes the database if there is none.
func (p *Postgres) prepare(ctx context.Context) error {
	if err := endLeftovers(ctx, p.data(), p.logger); err != nil {
		return err
	}
	var err error
	if p.server, err = p.findServer(ctx); err != nil {
		return err
	}
	if p.identity, err = chooseIdentity(ctx, p); err != nil {
		return err
	}
	return p.initialise(ctx)
}

func (p *Postgres) data() string { return filepath.Join(p.dir, "data") }

func (p *Postgres) logFile() string { return filepath.Join(p.dir, "postgres.log") }

// URL returns the connection string of a database of this server, with the password in it. It is valid
// once StartPostgres has returned, also while the server is stopped.
func (p *Postgres) URL(database string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.urlAt(p.port, database)
}

func (p *Postgres) urlAt(port int, database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(superuser, p.password),
		Host:     net.JoinHostPort(p.host, strconv.Itoa(port)),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// EnsureDatabase creates the database unless it exists.
func (p *Postgres) EnsureDatabase(ctx context.Context, database string) error {
	conn, err := pgx.Connect(ctx, p.URL("postgres"))
	if err != nil {
		return fmt.Errorf("create database %s: connect: %w", database, err)
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{database}.Sanitize())
	if pgErr := (*pgconn.PgError)(nil); errors.As(err, &pgErr) && pgErr.Code == "42P04" { // duplicate_database
		return nil
	}
	if err != nil {
		return fmt.Errorf("create database %s: %w", database, err)
	}
	return nil
}

// Stop ends the server and returns when it has ended; the data stays, and Start brings it back on the
// same port. If ctx ends first, a fast stop becomes an immediate one. Stopping twice is harmless.
func (p *Postgres) Stop(ctx context.Context, mode StopMode) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.child == nil {
		return nil
	}
	if err := p.child.stop(ctx, mode); err != nil {
		return fmt.Errorf("stop postgres in %s: %w", p.dir, err)
	}
	return nil
}

// Close stops the server if it runs, fast (or immediately where nothing is worth keeping), gives the
// directory back and removes an ephemeral one. The Postgres cannot be started again.
func (p *Postgres) Close(ctx context.Context) error {
	mode := Fast
	if p.cfg.Ephemeral {
		mode = Immediate
	}
	errs := []error{p.Stop(ctx, mode)}
	if p.cfg.Ephemeral {
		errs = append(errs, os.RemoveAll(p.dir))
	}
	errs = append(errs, p.lock.Close())
	return errors.Join(errs...)
}
