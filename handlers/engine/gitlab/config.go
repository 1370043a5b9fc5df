package gitlab

import (
	"cmp"
	"errors"
	"log/slog"
	"time"

	gl "gitlab.com/gitlab-org/api/client-go/v2"
)

// Config is what an Engine is made of.
type Config struct {
	Client *gl.Client
	// Tags are those that a runner must have to take the job (gitlab--duo).
	Tags []string
	// Image is what the job runs in unless its workflow names one; empty leaves it
	// to the runner.
	Image string
	// Script is what the job runs; empty is the executor of GitLab Duo.
	Script []string
	// Timeout is how long the job may take (2 h), Pending how long it may wait for a
	// runner (10 min).
	Timeout, Pending time.Duration
	// HookURL is where GitLab shall tell of pipelines, with HookSecret as its token;
	// empty where nothing is to be told, or where hooks are added by hand.
	HookURL, HookSecret string
	// Composite makes the tokens by which jobs act in GitLab itself; nil leaves it to
	// the run's own token, which GitLab does not know.
	Composite *Composite
	// Point is called at named points for crash tests; nil outside them.
	Point  func(name string)
	Logger *slog.Logger
	Now    func() time.Time
}

func (c Config) withDefaults() (Config, error) {
	if c.Client == nil || c.Logger == nil || c.Now == nil {
		return c, errors.New("gitlab engine: client, logger and clock are needed")
	}
	if m := c.Composite; m != nil && (m.URL == "" || m.HTTP == nil || m.For == nil || m.Secret == nil) {
		return c, errors.New("gitlab engine: composite tokens need an address, a client, tenants and secrets")
	}
	if len(c.Tags) == 0 {
		c.Tags = []string{"gitlab--duo"}
	}
	if c.Point == nil {
		c.Point = func(string) {}
	}
	c.Timeout, c.Pending = cmp.Or(c.Timeout, 2*time.Hour), cmp.Or(c.Pending, 10*time.Minute)
	return c, nil
}
