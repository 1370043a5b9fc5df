package embedded_test

import (
	"errors"
	"path/filepath"
	"testing"

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
