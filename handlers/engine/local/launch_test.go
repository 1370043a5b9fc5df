package local

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestAProgramThatIsBeingReplaced: one that is missing for a moment is started all the
// same, and once.
func TestAProgramThatIsBeingReplaced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d, program := runDir(filepath.Join(dir, "run")), filepath.Join(dir, "agent")
	if err := os.Mkdir(string(d), 0o700); err != nil {
		t.Fatal(err)
	}
	installed := make(chan error, 1)
	go func() {
		for !d.has(fileLog) { // the first attempt has begun
			time.Sleep(time.Millisecond)
		}
		text := "#!/bin/sh\necho x >>" + filepath.Join(dir, "starts") + "\n"
		installed <- errors.Join(os.WriteFile(program+".new", []byte(text), 0o700), os.Rename(program+".new", program))
	}()
	p, err := d.launchSoon(order{Program: []string{program}, MaxLog: 1 << 10}, time.Minute, time.Now)
	if err := errors.Join(err, <-installed); err != nil {
		t.Fatal(err)
	}
	if got := d.await(p, time.Second, nil); got.Status != "success" {
		t.Errorf("%+v", got)
	}
	if starts, err := os.ReadFile(filepath.Join(dir, "starts")); string(starts) != "x\n" {
		t.Errorf("it was started as %q says: %v", starts, err)
	}
}

// TestAProgramThatStaysAway is told soon, and one that is no program at once.
func TestAProgramThatStaysAway(t *testing.T) {
	t.Parallel()
	d := runDir(t.TempDir())
	for program, want := range map[string]error{filepath.Join(string(d), "nobody"): syscall.ENOENT, string(d): syscall.EACCES} {
		if _, err := d.launchSoon(order{Program: []string{program}}, time.Millisecond, time.Now); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", program, err, want)
		}
	}
}
