package keystore

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

const (
	// minSweep is the number of tokens below which nothing is dropped.
	minSweep = 1024
	// sweepAfter is how long an expired token stays: clocks of nodes differ,
	// and "has expired" helps more than "is not known".
	sweepAfter = 24 * time.Hour
)

// tidy sweeps at the start, unless another node is writing: it can wait.
func (s *Store) tidy() error {
	lock := s.lock()
	if held, err := lock.TryLock(); err != nil || !held {
		return err
	}
	defer lock.Close() //nolint:errcheck // the descriptor ends either way, and the lock with it
	if err := s.refresh(); err != nil {
		return err
	}
	return s.sweep()
}

// sweep writes the file anew without tokens that expired long ago, when they are at
// least half of it. The caller holds the lock. A crash before the rename leaves the old
// file, a crash after it the new one.
func (s *Store) sweep() error {
	if s.size() < s.sweepAt {
		return nil
	}
	total, live := s.live(s.now().Add(-sweepAfter))
	s.sweepAt = 2 * total
	if 2*len(live) > total {
		return nil
	}
	lines := s.keyLines()
	for _, e := range live {
		lines = append(lines, e.line())
	}
	if err := replace(s.path, lines); err != nil {
		return fmt.Errorf("sweep keystore %s: %w", s.path, err)
	}
	s.sweepAt = max(minSweep, 2*len(live))
	return s.refresh()
}

func (s *Store) size() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.index.byID) + s.index.dead
}

func (s *Store) live(at time.Time) (total int, live []entry) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, e := range s.index.byID {
		if !e.token.expired(at) {
			live = append(live, *e)
		}
	}
	slices.SortFunc(live, func(a, b entry) int { return older(a.token, b.token) })
	return len(s.index.byID) + s.index.dead, live
}

// replace puts a new file at path. A file that a crash left half-written under
// the name beside it is written over.
func replace(path string, lines []line) error {
	next := path + ".new"
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) //nolint:gosec // beside the file the operator named
	if err != nil {
		return err
	}
	for _, l := range lines {
		raw, encodeErr := l.encode()
		if encodeErr != nil {
			return errors.Join(encodeErr, f.Close())
		}
		if _, err := f.Write(raw); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(next, path); err != nil {
		return err
	}
	return syncDir(path)
}
