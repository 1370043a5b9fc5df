package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

// InUseError says that another process holds a directory.
type InUseError struct {
	// Dir is the directory that is held.
	Dir string
	// PID is the process that holds it, 0 if it has not written itself down yet.
	PID int
}

// Error names the directory, the process and the way out.
func (e *InUseError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("%s is in use by another process: stop it, or choose another directory", e.Dir)
	}
	return fmt.Sprintf("%s is in use by process %d: stop it (kill %d), or choose another directory", e.Dir, e.PID, e.PID)
}

// DirLock is this process's claim on a directory. The kernel drops it when the process ends, so a
// crash or kill -9 never leaves a directory locked.
type DirLock struct {
	flock *flock.Flock
}

// Lock takes the state directory for this process, creating it if needed. It returns an *InUseError
// when another process, or another part of this one, holds it.
func Lock(dir string) (*DirLock, error) {
	if err := os.MkdirAll(dir, passable()); err != nil {
		return nil, fmt.Errorf("create directory %s: %w", dir, err)
	}
	return lockFile(dir, "lock")
}

// passable is the mode of directories above ours. Root may have to let another user run Postgres in one
// of them, who must pass through but need not look around.
func passable() os.FileMode {
	if os.Geteuid() == 0 {
		return 0o711
	}
	return 0o700
}

// lockFile claims dir by the file of that name in it. The file stays: removing it would let two
// processes hold locks on two files of one name.
func lockFile(dir, name string) (*DirLock, error) {
	err := os.MkdirAll(filepath.Dir(dir), passable())
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return nil, fmt.Errorf("create directory %s: %w", dir, err)
	}
	path := filepath.Join(dir, name)
	lock := flock.New(path, flock.SetPermissions(0o600))
	held, err := tryLock(lock)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if !held {
		return nil, &InUseError{Dir: dir, PID: readPID(path)}
	}
	if err := os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("write pid to %s: %w", path, err)
	}
	return &DirLock{flock: lock}, nil
}

// deadHolder is how long a lock may outlive the process that took it: a child
// that the process was just starting when it was killed shares the lock until
// it becomes another program.
const deadHolder = 3 * time.Second

// tryLock takes the lock, or waits a moment for one whose holder is dead.
func tryLock(lock *flock.Flock) (held bool, err error) {
	for waited := time.Duration(0); ; waited += 20 * time.Millisecond {
		held, err = lock.TryLock()
		if held || err != nil || waited >= deadHolder || !dead(readPID(lock.Path())) {
			return held, err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func dead(pid int) bool { return pid > 0 && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

// Close gives the directory back. Closing twice is harmless.
func (l *DirLock) Close() error {
	if !l.flock.Locked() {
		return nil
	}
	// The file is gone when its directory was removed under the lock.
	if err := ignoreNotExist(os.Truncate(l.flock.Path(), 0)); err != nil {
		_ = l.flock.Close()
		return fmt.Errorf("clear pid in %s: %w", l.flock.Path(), err)
	}
	if err := l.flock.Close(); err != nil {
		return fmt.Errorf("unlock %s: %w", l.flock.Path(), err)
	}
	return nil
}

// readPID returns the first line of a file as a process id, 0 if it holds none.
func readPID(path string) int {
	data, err := os.ReadFile(path) //nolint:gosec // our own lock or pid file below the state directory
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(data), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil {
		return 0
	}
	return pid
}
