package keystore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/duolog/duolog/domain"
)

// lockRetry is how often a held lock is tried again. It is held for one synced
// append.
const lockRetry = 2 * time.Millisecond

// create makes the file where there is none and returns its path without
// links, so that a rename replaces the file and not a link to it.
func create(path string) (string, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600) //nolint:gosec // the operator names the file
	if errors.Is(err, fs.ErrNotExist) {
		return "", &domain.Error{
			Code: domain.CodeInvalidField, Field: "keystore", Message: "the directory of the keystore " + path + " does not exist",
			Fix: "mkdir -p -m 700 " + filepath.Dir(path), Err: err,
		}
	}
	if err != nil {
		return "", fmt.Errorf("open keystore %s: %w", path, err)
	}
	if err := f.Close(); err != nil {
		return "", fmt.Errorf("open keystore %s: %w", path, err)
	}
	path, err = filepath.EvalSymlinks(path)
	if err != nil {
		return "", fmt.Errorf("open keystore: %w", err)
	}
	return path, syncDir(path)
}

// syncDir makes a new name in the directory of path outlive a power cut.
func syncDir(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("sync keystore directory: %w", err)
	}
	err = errors.Join(d.Sync(), d.Close())
	if err != nil {
		return fmt.Errorf("sync keystore directory: %w", err)
	}
	return nil
}

// refresh takes in what other nodes wrote. Usually one look at the file's size
// says that there is nothing.
func (s *Store) refresh() error {
	if info, err := os.Stat(s.path); err == nil && s.current(info) {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.catchUp()
}

func (s *Store) current(info os.FileInfo) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.file != nil && info.Size() == s.offset && os.SameFile(info, s.info)
}

// catchUp reads from where the last read ended, or from the start of a file
// that was replaced. After an error nothing is known until it succeeds.
func (s *Store) catchUp() error {
	info, err := os.Stat(s.path)
	if err != nil {
		return fmt.Errorf("read keystore: %w", err)
	}
	if s.file == nil || !os.SameFile(info, s.info) {
		if err := s.reopen(); err != nil {
			return err
		}
	} else if info.Size() < s.offset {
		s.index, s.offset = newIndex(), 0
	}
	n, err := s.index.read(io.NewSectionReader(s.file, s.offset, math.MaxInt64-s.offset))
	s.offset += n
	if err != nil {
		return &domain.Error{
			Code: domain.CodeInternal, Message: fmt.Sprintf("the keystore %s is damaged at byte %d", s.path, s.offset),
			Fix: "restore it from its backup, or take that line out and make its token anew", Err: err,
		}
	}
	return nil
}

func (s *Store) reopen() error {
	f, err := os.Open(s.path)
	if err != nil {
		return fmt.Errorf("read keystore: %w", err)
	}
	info, err := f.Stat()
	if err == nil {
		err = private("keystore", s.path, info)
	}
	if err != nil {
		_ = f.Close()
		return err
	}
	if s.file != nil {
		_ = s.file.Close() // only ever read
	}
	s.file, s.info, s.index, s.offset = f, info, newIndex(), 0
	return nil
}

// locked runs fn as the only writer of all nodes, with all that they wrote taken
// in. The lock is on a file of its own, because the store may be replaced. The
// kernel drops it when the process dies.
func (s *Store) locked(ctx context.Context, fn func() error) error {
	if err := s.writer.Acquire(ctx, 1); err != nil {
		return busy(err)
	}
	defer s.writer.Release(1)
	lock := s.lock()
	if _, err := lock.TryLockContext(ctx, lockRetry); err != nil {
		return busy(err)
	}
	defer lock.Close() //nolint:errcheck // the descriptor ends either way, and the lock with it
	if err := s.refresh(); err != nil {
		return err
	}
	return fn()
}

func (s *Store) lock() *flock.Flock {
	return flock.New(s.path+".lock", flock.SetPermissions(0o600))
}

func busy(err error) error {
	return &domain.Error{
		Code: domain.CodeNotNow, Message: "the keystore is locked by another process", Fix: "try again", Err: err,
	}
}

// append adds one line. The caller holds the lock. A crash before the sync
// leaves nothing, a line without end, or a line that nobody was told of.
func (s *Store) append(l line) error {
	raw, err := l.encode()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(s.path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return fmt.Errorf("append to keystore: %w", err)
	}
	err = s.write(f, raw)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("append to keystore %s: %w", s.path, err)
	}
	return s.refresh()
}

// write cuts off what a dead writer left behind the last line end, and its own
// half line when the disk is full. Nobody has read either.
func (s *Store) write(f *os.File, raw []byte) error {
	s.mu.RLock()
	end := s.offset
	s.mu.RUnlock()
	if err := f.Truncate(end); err != nil {
		return err
	}
	if _, err := f.Write(raw); err != nil {
		return errors.Join(err, f.Truncate(end))
	}
	return f.Sync()
}
