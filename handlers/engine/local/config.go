package local

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os/exec"
	"path/filepath"
	"time"
)

// Config says what is run and where its traces are kept.
type Config struct {
	// Dir holds runs/. Another Dir means other runs: what ran before is unknown.
	Dir string
	// Program is the agent's argument list. The first element is looked up in
	// PATH, or relative to the server's working directory, when New is called.
	Program []string
	// Supervisor is the argument list of the supervisor; the run's directory is
	// appended. It must call Supervise and nothing else.
	Supervisor []string
	// WorkDir is where the program starts; empty is the server's own.
	WorkDir string
	// Node names this machine in workload ids: "pid 4711@node".
	Node string
	// Grace is how long a program may take after SIGTERM before SIGKILL
	// (5 s). Shorter loses an agent's last words, longer delays a stop.
	Grace time.Duration
	// Poll is how often unreported runs are looked at (100 ms). It bounds how
	// late an outcome is seen.
	Poll time.Duration
	// MaxLog caps the log of a run in bytes (8 MiB). What comes after is dropped,
	// with a note.
	MaxLog int64
	// Getenv gives PATH, HOME, LANG and TMPDIR to the program; nothing else of
	// the server's environment reaches it. Nil gives none.
	Getenv func(string) string
	// Logger is told of runs that start and end. Nil is silent.
	Logger *slog.Logger
}

// Validate says which field cannot work.
func (c Config) Validate() error {
	switch {
	case c.Dir == "":
		return errors.New("local engine: dir is missing")
	case len(c.Program) == 0 || c.Program[0] == "":
		return errors.New("local engine: program is missing")
	case len(c.Supervisor) == 0 || c.Supervisor[0] == "":
		return errors.New("local engine: supervisor is missing")
	case c.Node == "":
		return errors.New("local engine: node is missing")
	case c.Grace < 0 || c.Poll < 0 || c.MaxLog < 0:
		return errors.New("local engine: grace, poll and max log must not be negative")
	}
	return nil
}

func (c Config) withDefaults() (Config, error) {
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return c, fmt.Errorf("local engine: dir %s: %w", c.Dir, err)
	}
	c.Dir = dir
	c.Grace = cmp.Or(c.Grace, 5*time.Second)
	c.Poll = cmp.Or(c.Poll, 100*time.Millisecond)
	c.MaxLog = cmp.Or(c.MaxLog, 8<<20)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.Program = append([]string{absoluteProgram(c.Program[0])}, c.Program[1:]...)
	return c, nil
}

// absoluteProgram resolves the program now, where the server's PATH and working
// directory are known. What is not found stays as it is: each run then ends
// with start_failed and says why.
func absoluteProgram(name string) string {
	found, err := exec.LookPath(name)
	if err != nil {
		return name
	}
	if abs, err := filepath.Abs(found); err == nil {
		return abs
	}
	return found
}

// environ is the whole environment of a program: what the run brings, and the
// four variables any program needs to work at all.
func (c Config) environ(run map[string]string) []string {
	merged := map[string]string{}
	if c.Getenv != nil {
		for _, name := range []string{"PATH", "HOME", "LANG", "TMPDIR"} {
			if value := c.Getenv(name); value != "" {
				merged[name] = value
			}
		}
	}
	maps.Copy(merged, run)
	env := make([]string, 0, len(merged))
	for name, value := range merged {
		env = append(env, name+"="+value)
	}
	return env
}
