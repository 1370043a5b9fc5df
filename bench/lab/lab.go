package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/duolog/duolog/internal/embedded"
)

// Lab is a temporary directory and the database server in it.
type Lab struct {
	Dir string

	postgres  *embedded.Postgres
	databases int
	fleets    int
	binaries  map[string]string
}

const closeTimeout = 30 * time.Second

// Open starts the database server, with its writes on disk.
func Open(ctx context.Context) (*Lab, error) {
	dir, err := os.MkdirTemp("", "duolog-bench-")
	if err != nil {
		return nil, fmt.Errorf("make a temporary directory: %w", err)
	}
	l := &Lab{Dir: dir, binaries: map[string]string{}}
	cache, err := embedded.DefaultCacheDir()
	if err != nil {
		cache = "" // the temporary directory then
	}
	l.postgres, err = embedded.StartPostgres(ctx, embedded.PostgresConfig{
		Dir: filepath.Join(dir, "postgres"), CacheDir: cache, MavenURL: os.Getenv("DUOLOG_MAVEN_URL"),
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start postgres: %w", err), os.RemoveAll(dir))
	}
	return l, nil
}

// Close stops the server and removes the directory.
func (l *Lab) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	return errors.Join(l.postgres.Close(ctx), os.RemoveAll(l.Dir))
}

// Database makes an empty database and returns its address.
func (l *Lab) Database(ctx context.Context) (string, error) {
	l.databases++
	name := "bench_" + strconv.Itoa(l.databases)
	if err := l.postgres.EnsureDatabase(ctx, name); err != nil {
		return "", err
	}
	return l.postgres.URL(name), nil
}

// Server is the address of the server's own database.
func (l *Lab) Server() string { return l.postgres.URL("postgres") }

// PostgresPID is the server's first process, whose children serve connections; 0
// where it cannot be found.
func (l *Lab) PostgresPID() int {
	b, err := os.ReadFile(filepath.Join(l.Dir, "postgres", "data", "postmaster.pid"))
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(b), "\n")
	pid, _ := strconv.Atoi(strings.TrimSpace(first))
	return pid
}

// Binary builds duolog, once for each set of tags; without any it is what users build.
func (l *Lab) Binary(ctx context.Context, tags []string) (string, error) {
	name := strings.Join(append([]string{"duolog"}, tags...), "-")
	if path, ok := l.binaries[name]; ok {
		return path, nil
	}
	path := filepath.Join(l.Dir, name)
	args := []string{"build", "-o", path}
	if len(tags) > 0 {
		args = append(args, "-tags", strings.Join(tags, ","))
	}
	if said, err := exec.CommandContext(ctx, "go", append(args, "./cmd/duolog")...).CombinedOutput(); err != nil { //nolint:gosec // our own arguments
		return "", fmt.Errorf("build duolog: %w\n%s", err, said)
	}
	l.binaries[name] = path
	return path, nil
}
