package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	readyPoll    = 20 * time.Millisecond
	pingTimeout  = 2 * time.Second
	portAttempts = 20
	// Ports below the range that the kernel hands out for port 0 and for outgoing connections: nobody
	// takes the port while the server is stopped for a moment.
	firstPort, portCount = 20000, 12000
)

// errPortTaken is the one failure of a start that another port cures.
var errPortTaken = errors.New("the port is taken")

// Start starts a stopped server again, on the port it had. Starting a running one is harmless.
func (p *Postgres) Start(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.child != nil && !p.child.ended() {
		return nil
	}
	// After a server that was killed its own children may live on for a moment.
	if err := endLeftovers(ctx, p.data(), p.logger); err != nil {
		return err
	}
	if p.port != 0 {
		return p.startOn(ctx, p.port)
	}
	var err error
	for range portAttempts {
		var port int
		if port, err = p.freePort(ctx); err != nil {
			return err
		}
		if err = p.startOn(ctx, port); !errors.Is(err, errPortTaken) {
			return err
		}
	}
	return err
}

// freePort finds a port that nobody listens on now; a loser of the race for it tries another.
func (p *Postgres) freePort(ctx context.Context) (int, error) {
	var err error
	for range portAttempts {
		port := firstPort + rand.IntN(portCount) //nolint:gosec // spreads starters over ports, keeps no secret
		var listener net.Listener
		listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(p.host, strconv.Itoa(port)))
		if err == nil {
			return port, listener.Close()
		}
	}
	return 0, fmt.Errorf("find a free port on %s: %w", p.host, err)
}

// startOn starts the server on a port. It sets port and child only when the server is ready.
func (p *Postgres) startOn(ctx context.Context, port int) error {
	child, err := p.launch(ctx, port)
	if err != nil {
		return err
	}
	if err := p.awaitReady(ctx, child, port); err != nil {
		return errors.Join(fmt.Errorf("start postgres in %s on port %d: %w", p.dir, port, err), child.stop(ctx, Immediate))
	}
	p.port, p.child = port, child
	go p.watch(context.WithoutCancel(ctx), child)
	return nil
}

// launch starts the process. Its output goes to a file, not to a pipe of ours: it must not block or
// break when this process dies.
func (p *Postgres) launch(ctx context.Context, port int) (*process, error) {
	out, err := os.OpenFile(p.logFile(), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open postgres log: %w", err)
	}
	defer func() { _ = out.Close() }() // the child has its own copy
	cmd := p.command(context.WithoutCancel(ctx), "postgres", p.arguments(port)...)
	cmd.Stdout, cmd.Stderr = out, out
	child, err := startProcess(cmd, p.deathSignal())
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	return child, nil
}

// deathSignal is what the kernel sends to the server when this process dies without stopping it.
func (p *Postgres) deathSignal() syscall.Signal {
	if p.cfg.Ephemeral {
		return Immediate.signal()
	}
	return Fast.signal()
}

// arguments are the settings of the server: local, without a unix socket (the path of a state directory
// may exceed the 107 bytes a socket's name has), and without waiting for standbys that do not exist.
func (p *Postgres) arguments(port int) []string {
	settings := []string{
		"listen_addresses=" + p.host,
		"port=" + strconv.Itoa(port),
		"unix_socket_directories=",
		"max_connections=100",
		"shared_buffers=128MB",
		"wal_level=minimal",
		"max_wal_senders=0",
		"max_wal_size=1GB",
		"checkpoint_timeout=15min",
		"jit=off",
		"timezone=UTC",
		"log_timezone=UTC",
		"log_min_messages=warning",
	}
	if p.cfg.Ephemeral {
		settings = append(settings, "fsync=off", "full_page_writes=off", "autovacuum_naptime=1h")
	} else {
		// A new database has no statistics: until the first look, plans are for empty tables.
		settings = append(settings, "autovacuum_naptime=10s")
	}
	args := []string{"-D", p.data()}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	return args
}

// command prepares a program of the server, run as the chosen identity, in the directory it may enter
// and without the caller's PG… and locale variables.
func (p *Postgres) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, p.server.program(program), args...) //nolint:gosec // a program of the server we found
	cmd.Dir = p.dir
	cmd.Env = []string{"LC_ALL=C", "TZ=UTC", "PATH=" + p.server.bin + ":/usr/bin:/bin"}
	cmd.SysProcAttr = p.identity.attributes()
	return cmd
}

// awaitReady returns when the server has answered a query. A server recovering from a crash may take
// its time; ctx bounds the wait.
func (p *Postgres) awaitReady(ctx context.Context, child *process, port int) error {
	// A port of somebody else may accept our connection and say nothing: the child's end ends the attempt.
	attempt, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-child.exited:
			cancel()
		case <-attempt.Done():
		}
	}()
	ticker := time.NewTicker(readyPoll)
	defer ticker.Stop()
	for {
		select {
		case <-child.exited:
			return p.exitReason(child)
		case <-ctx.Done():
			return fmt.Errorf("wait until it accepts connections: %w", ctx.Err())
		case <-ticker.C:
			if ping(attempt, p.urlAt(port, "postgres")) == nil && !child.ended() {
				return nil
			}
		}
	}
}

func ping(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	return conn.Ping(ctx)
}

// exitReason is what the server said before it ended.
func (p *Postgres) exitReason(child *process) error {
	said, err := os.ReadFile(p.logFile())
	if err != nil {
		return fmt.Errorf("postgres ended (%w) and its log cannot be read: %w", child.err, err)
	}
	said = bytes.TrimSpace(said)
	if bytes.Contains(said, []byte("Address already in use")) {
		return fmt.Errorf("%w: stop what listens on it, or choose another", errPortTaken)
	}
	const most = 2000
	return fmt.Errorf("postgres ended (%w): %s", child.err, said[max(0, len(said)-most):])
}

// watch tells of a server that ended by itself. It ends with the server.
func (p *Postgres) watch(ctx context.Context, child *process) {
	<-child.exited
	if child.stopping.Load() {
		return
	}
	p.logger.ErrorContext(ctx, "embedded postgres ended by itself",
		slog.String("dir", p.dir), slog.String("log", p.logFile()), slog.Any("error", child.err))
}
