package config_test

import (
	"slices"
	"testing"
	"time"

	"github.com/duolog/duolog/internal/config"
	"github.com/duolog/duolog/internal/identity"
)

// TestAJobEndsBeforeItsToken: the executor of GitLab Duo cannot renew the token of its
// run, so its job may not wait and run for longer than that works.
func TestAJobEndsBeforeItsToken(t *testing.T) {
	t.Parallel()
	if config.RunLife != identity.RunLife {
		t.Errorf("a token works for %s, and the configuration takes it for %s", identity.RunLife, config.RunLife)
	}
	minutes := func(n int) config.Duration { return config.Duration(time.Duration(n) * time.Minute) }
	own := []string{"agent"}
	for name, c := range map[string]struct {
		given  config.GitLab
		job    config.Duration
		refuse bool
	}{
		"the executor":               {config.GitLab{}, minutes(45), false},
		"the executor, soon":         {config.GitLab{RunnerTimeout: minutes(1)}, minutes(54), false},
		"the executor, for too long": {config.GitLab{JobTimeout: minutes(46)}, minutes(46), true},
		"the executor, too late":     {config.GitLab{RunnerTimeout: minutes(55)}, minutes(1), true},
		"an agent that renews":       {config.GitLab{Script: own}, minutes(120), false},
		"an agent, for a day":        {config.GitLab{Script: own, JobTimeout: minutes(24 * 60)}, minutes(24 * 60), false},
	} {
		c.given.URL, c.given.TokenFile = "https://gitlab.example.com", "token"
		got, err := config.Config{EngineProgram: own, GitLab: c.given}.Resolve(config.Dev("state"))
		if got.GitLab.JobTimeout != c.job {
			t.Errorf("%s: a job may take %s, want %s", name, time.Duration(got.GitLab.JobTimeout), time.Duration(c.job))
		}
		if (err != nil) != c.refuse || err != nil && !slices.Contains(fields(t, err), "gitlab_job_timeout") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
