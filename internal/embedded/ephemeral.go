package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// postgresLock is the file in a Postgres directory that its owner locks.
const postgresLock = "postgres.lock"

// ephemeralDir makes and claims a temporary directory, and removes those that killed processes left.
// Makers and removers take turns, so none removes a directory that is made but not yet claimed.
func ephemeralDir(ctx context.Context) (string, *DirLock, error) {
	prefix := filepath.Join(os.TempDir(), fmt.Sprintf("duolog-postgres-%d", os.Getuid()))
	turn := flock.New(prefix+".lock", flock.SetPermissions(0o600))
	if err := turn.Lock(); err != nil {
		return "", nil, fmt.Errorf("lock %s: %w", turn.Path(), err)
	}
	defer func() { _ = turn.Close() }()
	if err := sweepEphemeral(ctx, prefix); err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp(filepath.Dir(prefix), filepath.Base(prefix)+"-*")
	if err != nil {
		return "", nil, fmt.Errorf("create directory for an ephemeral postgres: %w", err)
	}
	resolved, err := filepath.EvalSymlinks(dir) // so that leftovers are found, see openPostgres
	if err != nil {
		return "", nil, fmt.Errorf("resolve %s: %w", dir, err)
	}
	lock, err := lockFile(resolved, postgresLock)
	return resolved, lock, err
}

// sweepEphemeral removes every ephemeral directory whose owner is gone.
func sweepEphemeral(ctx context.Context, prefix string) error {
	dirs, err := filepath.Glob(prefix + "-*")
	if err != nil {
		return fmt.Errorf("list ephemeral directories: %w", err)
	}
	for _, dir := range dirs {
		lock, err := lockFile(dir, postgresLock)
		if inUse := (*InUseError)(nil); errors.As(err, &inUse) {
			continue
		}
		if err != nil {
			return err
		}
		err = errors.Join(
			endLeftovers(ctx, filepath.Join(dir, "data"), slog.New(slog.DiscardHandler)),
			os.RemoveAll(dir),
		)
		_ = lock.Close() // its file went with the directory
		if err != nil {
			return fmt.Errorf("remove the ephemeral postgres of a killed process: %w", err)
		}
	}
	return nil
}
