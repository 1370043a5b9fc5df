package embedded_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"github.com/duolog/duolog/internal/embedded"
)

func TestLockNamesTheProcessThatHoldsIt(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	holder, _ := startHelper(t, "lock", dir)

	_, err := embedded.Lock(dir)
	var inUse *embedded.InUseError
	if !errors.As(err, &inUse) || inUse.PID != holder.Process.Pid || inUse.Dir != dir {
		t.Fatalf("Lock = %v; want in use by %d", err, holder.Process.Pid)
	}

	kill9(holder)
	lock, err := embedded.Lock(dir)
	if err != nil {
		t.Fatalf("Lock after its holder was killed: %v", err)
	}
	if err := errors.Join(lock.Close(), lock.Close()); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func TestLockIsFreeAfterClose(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for range 2 {
		lock, err := embedded.Lock(dir)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := embedded.Lock(dir); err == nil {
			t.Fatal("a held directory was locked again")
		}
		if err := lock.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLockOutlivesItsDeadHolder: a child that shares the lock of a process that
// was killed lets go of it a moment later.
func TestLockOutlivesItsDeadHolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "lock")
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	child := flock.New(path)
	if held, err := child.TryLock(); !held || err != nil {
		t.Fatalf("take the lock: %t, %v", held, err)
	}
	if err := os.WriteFile(path, []byte(strconv.Itoa(gone.Process.Pid)), 0o600); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(100*time.Millisecond, func() { _ = child.Close() })
	lock, err := embedded.Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := lock.Close(); err != nil {
		t.Error(err)
	}
}
