package fleettest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	gl "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/duolog/duolog/internal/fakegitlab"
	"github.com/duolog/duolog/internal/fakegitlab/fault"
)

// gitlabToken is that of the administrator that nodes act as.
const gitlabToken = "glpat-engine-0123456789"

// GitLab is an instance whose runners run the agent of a fleet. It is no part of the
// fleet: whatever becomes of the nodes, it goes on.
type GitLab struct {
	*fakegitlab.Server

	Client *gl.Client
}

// GitLabConfig is how one is set up.
type GitLabConfig struct {
	Runners int
	Seed    fakegitlab.Seed
	// Script is what its jobs do: by default they are the agent of the fleet.
	Script []string
	// NoHooks: nodes hear of the end of a job when they look for it.
	NoHooks bool
}

// NewGitLab starts one that begins with the seed, and tells the configuration of the
// fleet of it: tenants may use it.
func (f *Fleet) NewGitLab(c GitLabConfig) *GitLab {
	f.TB.Helper()
	c.Seed.Users = append(c.Seed.Users, fakegitlab.SeedUser{Username: "engine", Token: gitlabToken, Admin: true})
	server, err := fakegitlab.Start(fakegitlab.Config{
		StateDir: f.TB.TempDir(), Runners: c.Runners, Now: time.Now, Grace: time.Second, HookBackoff: 50 * time.Millisecond, HookRetries: 8, Seed: c.Seed,
	})
	OK(f.TB, err)
	f.TB.Cleanup(server.Close)
	transport := &http.Transport{}
	f.TB.Cleanup(transport.CloseIdleConnections)
	g := &GitLab{Server: server}
	g.Client, err = gl.NewClient(gitlabToken, gl.WithBaseURL(server.URL()), gl.WithHTTPClient(&http.Client{Transport: transport}), gl.WithCustomRetryMax(0))
	OK(f.TB, err)
	f.Config = Write(f.TB, Read(f.TB, f.Config)+f.settingsOf(c, server.URL()), f.Dir, "gitlab.yaml")
	return g
}

// settingsOf is what a node is told of a GitLab.
func (f *Fleet) settingsOf(c GitLabConfig, url string) string {
	f.TB.Helper()
	if c.Script == nil {
		c.Script = []string{strings.Join(f.Agent.Program, " ")}
	}
	script, err := json.Marshal(c.Script)
	OK(f.TB, err)
	out := fmt.Sprintf("gitlab_url: %s\ngitlab_token_file: %s\ngitlab_script: %s\n", url, Write(f.TB, gitlabToken+"\n", f.Dir, "gitlab-token"), script)
	if !c.NoHooks {
		out += "gitlab_hook_secret_file: " + Write(f.TB, "a-secret-of-the-hook\n", f.Dir, "gitlab-hook") + "\n"
	}
	return out
}

// Fails lets it fail as a rule says.
func (g *GitLab) Fails(tb testing.TB, rule fault.Rule) {
	tb.Helper()
	body, err := json.Marshal(rule)
	OK(tb, err)
	g.faults(tb, http.MethodPost, string(body), nil)
}

// Works ends all faults, and says which there were and how often they hit.
func (g *GitLab) Works(tb testing.TB) []fault.Rule {
	tb.Helper()
	var rules []fault.Rule
	g.faults(tb, http.MethodGet, "", &rules)
	g.faults(tb, http.MethodDelete, "", nil)
	return rules
}

func (g *GitLab) faults(tb testing.TB, method, body string, into any) {
	tb.Helper()
	r, err := http.NewRequestWithContext(tb.Context(), method, g.URL()+"/_fake/faults", strings.NewReader(body))
	OK(tb, err)
	r.Header.Set("Content-Type", "application/json")
	answer, err := g.Client.HTTPClient().Do(r)
	OK(tb, err)
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode >= http.StatusMultipleChoices {
		tb.Fatalf("%s faults: %s", method, answer.Status)
	}
	if into != nil {
		OK(tb, json.NewDecoder(answer.Body).Decode(into))
	}
}
