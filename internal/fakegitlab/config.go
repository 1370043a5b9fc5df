package fakegitlab

import (
	"cmp"
	"errors"
	"log/slog"
	"time"
)

// Config says where a fake GitLab listens and what it begins with.
type Config struct {
	// Listen is host:port; empty takes a free port of 127.0.0.1. Whoever reaches
	// it can, with a token, run programs on this machine.
	Listen string
	// StateDir holds the state, repositories, traces and running jobs.
	StateDir string
	// Runners is how many jobs run at once; 0 is a GitLab without a runner.
	Runners int
	// Tags are what the runners are tagged with ([gitlab--duo]). A job runs if
	// all of its tags are among them; one without tags always does.
	Tags []string
	// StuckAfter is how long a job waits for a runner before it has failed with
	// stuck_or_timeout_failure (1 h).
	StuckAfter time.Duration
	// Grace is how long a job may take after SIGTERM before SIGKILL (5 s).
	Grace time.Duration
	// HookTimeout is how long a webhook may take to answer (10 s), HookBackoff
	// the pause before the first of HookRetries (1 s, 4) after a 5xx or none; it
	// doubles.
	HookTimeout time.Duration
	HookBackoff time.Duration
	HookRetries int
	// Now is the clock.
	Now func() time.Time
	// Logger is told of requests that fail here, of jobs and of hooks. Nil is
	// silent.
	Logger *slog.Logger
	// Seed is what an empty StateDir begins with.
	Seed Seed
}

func (c Config) withDefaults() (Config, error) {
	switch {
	case c.StateDir == "":
		return c, errors.New("fake GitLab: the state directory is missing")
	case c.Now == nil:
		return c, errors.New("fake GitLab: the clock is missing")
	case c.Runners < 0 || c.StuckAfter < 0 || c.Grace < 0 || c.HookTimeout < 0 || c.HookBackoff < 0 || c.HookRetries < 0:
		return c, errors.New("fake GitLab: runners and durations must not be negative")
	}
	c.Listen = cmp.Or(c.Listen, "127.0.0.1:0")
	c.StuckAfter = cmp.Or(c.StuckAfter, time.Hour)
	c.Grace = cmp.Or(c.Grace, 5*time.Second)
	c.HookTimeout = cmp.Or(c.HookTimeout, 10*time.Second)
	c.HookBackoff = cmp.Or(c.HookBackoff, time.Second)
	c.HookRetries = cmp.Or(c.HookRetries, 4)
	if c.Tags == nil {
		c.Tags = []string{"gitlab--duo"}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}
