package embedded_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/internal/embedded"
)

func startPostgres(t *testing.T, cfg embedded.PostgresConfig) *embedded.Postgres {
	t.Helper()
	p, err := embedded.StartPostgres(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close(t.Context()) })
	return p
}

// stateDir is a directory that every user can reach: where root may make no user namespace, another
// user runs Postgres, and t.TempDir lies below a directory for this user only.
func stateDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "embedded-*") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "state")
}

func query(t *testing.T, url, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	var value string
	if err := conn.QueryRow(t.Context(), sql).Scan(&value); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}

// remember leaves a durable mark in the database; recall fails the test if it is not there.
func remember(t *testing.T, url string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	if _, err := conn.Exec(t.Context(), "CREATE TABLE mark AS SELECT 'kept' AS v"); err != nil {
		t.Fatal(err)
	}
}

func recall(t *testing.T, url string) {
	t.Helper()
	if got := query(t, url, "SELECT v FROM mark"); got != "kept" {
		t.Errorf("mark = %q", got)
	}
}

func postmaster(t *testing.T, dir string) int {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(data), "\n")
	pid, err := strconv.Atoi(line)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func TestPostgresKeepsDataAndPortOverAnImmediateStop(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]embedded.PostgresConfig{
		"durable":   {Dir: stateDir(t)},
		"ephemeral": {Ephemeral: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startPostgres(t, cfg)
			url := p.URL("postgres")
			for range 2 {
				if err := p.EnsureDatabase(t.Context(), "mine"); err != nil {
					t.Fatal(err)
				}
			}
			remember(t, p.URL("mine"))
			if err := errors.Join(p.Stop(t.Context(), embedded.Immediate), p.Stop(t.Context(), embedded.Fast)); err != nil {
				t.Fatal(err)
			}
			if conn, err := pgx.Connect(t.Context(), url); err == nil {
				_ = conn.Close(t.Context())
				t.Fatal("a stopped server accepts connections")
			}
			if err := errors.Join(p.Start(t.Context()), p.Start(t.Context())); err != nil {
				t.Fatal(err)
			}
			if p.URL("postgres") != url {
				t.Errorf("URL changed from %s to %s", url, p.URL("postgres"))
			}
			recall(t, p.URL("mine"))
		})
	}
}

func TestPostgresIsReopenedWithItsData(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(stateDir(t), strings.Repeat("a-long-name", 12)) // longer than a socket's path may be
	p := startPostgres(t, embedded.PostgresConfig{Dir: dir})
	remember(t, p.URL("postgres"))
	_, err := embedded.StartPostgres(t.Context(), embedded.PostgresConfig{Dir: dir})
	if inUse := (*embedded.InUseError)(nil); !errors.As(err, &inUse) {
		t.Fatalf("second StartPostgres = %v; want in use", err)
	}
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	p = startPostgres(t, embedded.PostgresConfig{Dir: dir})
	recall(t, p.URL("postgres"))
	for setting, want := range map[string]string{
		"server_encoding": "UTF8", "listen_addresses": "127.0.0.1", "fsync": "on", "synchronous_commit": "on", "unix_socket_directories": "",
	} {
		if got := query(t, p.URL("postgres"), "SELECT current_setting('"+setting+"')"); got != want {
			t.Errorf("%s = %q; want %q", setting, got, want)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "postgres.password")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("password file: %v, %v; want mode 0600", info, err)
	}
}

func TestPostgresStartsAfterItsParentWasKilled(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"server ends with its parent", "server is left over"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := stateDir(t)
			parent, url := startHelper(t, "postgres", dir)
			remember(t, url)
			pid := postmaster(t, dir)
			if name == "server is left over" {
				// Halted, it cannot follow the signal that the death of its parent sends it.
				if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
					t.Fatal(err)
				}
			}
			kill9(parent)
			recall(t, startPostgres(t, embedded.PostgresConfig{Dir: dir}).URL("postgres"))
			if postmaster(t, dir) == pid {
				t.Error("the left-over server is still there")
			}
		})
	}
}

func TestPostgresStartsAfterItWasKilledItself(t *testing.T) {
	t.Parallel()
	dir := stateDir(t)
	p := startPostgres(t, embedded.PostgresConfig{Dir: dir})
	remember(t, p.URL("postgres"))
	pid := postmaster(t, dir)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(t.Context(), embedded.Fast); err != nil { // also waits for its end
		t.Fatal(err)
	}
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	recall(t, p.URL("postgres"))
}

func TestPostgresIgnoresAPidFileOfAnotherProgram(t *testing.T) {
	t.Parallel()
	dir := stateDir(t)
	p := startPostgres(t, embedded.PostgresConfig{Dir: dir})
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	stale := strconv.Itoa(os.Getppid()) + "\n" + filepath.Join(dir, "data") + "\n1\n5432\n\n\n"
	if err := os.WriteFile(filepath.Join(dir, "data", "postmaster.pid"), []byte(stale), 0o600); err != nil {
		t.Fatal(err)
	}
	startPostgres(t, embedded.PostgresConfig{Dir: dir})
}

func TestPostgresSaysThatItsPortIsTaken(t *testing.T) {
	t.Parallel()
	addr := startBroker(t, "").Addrs()[0]
	_, err := embedded.StartPostgres(t.Context(), embedded.PostgresConfig{Ephemeral: true, Addr: addr})
	if err == nil || !strings.Contains(err.Error(), "port is taken") {
		t.Errorf("StartPostgres on a taken port = %v", err)
	}
}

func TestEphemeralPostgresLeavesNothing(t *testing.T) {
	t.Parallel()
	p := startPostgres(t, embedded.PostgresConfig{Ephemeral: true})
	data := query(t, p.URL("postgres"), "SELECT current_setting('data_directory')")
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Dir(data)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there (%v)", filepath.Dir(data), err)
	}
}

func TestPostgresConfigIsChecked(t *testing.T) {
	t.Parallel()
	for _, cfg := range []embedded.PostgresConfig{
		{}, {Dir: "x", Ephemeral: true}, {Dir: "x", Addr: "5432"}, {Dir: "x", Addr: "host:port"}, {Dir: "x", Addr: ":5432"},
	} {
		if err := cfg.Validate(); err == nil {
			t.Errorf("%+v was accepted", cfg)
		}
	}
}
