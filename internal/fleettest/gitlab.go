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

// NewGitLab starts one that begins with the seed, and tells the configuration of the
// fleet of it, and which script its jobs have: tenants may use it. Without a secret it
// sends no hooks.
func (f *Fleet) NewGitLab(seed fakegitlab.Seed, secret string, script ...string) *GitLab {
	f.TB.Helper()
	seed.Users = append(seed.Users, fakegitlab.SeedUser{Username: "engine", Token: gitlabToken, Admin: true})
	server, err := fakegitlab.Start(fakegitlab.Config{
		StateDir: f.TB.TempDir(), Runners: 2, Now: time.Now, Grace: time.Second, HookBackoff: 50 * time.Millisecond, HookRetries: 8, Seed: seed,
	})
	OK(f.TB, err)
	f.TB.Cleanup(server.Close)
	transport := &http.Transport{}
	f.TB.Cleanup(transport.CloseIdleConnections)
	g := &GitLab{Server: server}
	g.Client, err = gl.NewClient(gitlabToken, gl.WithBaseURL(server.URL()), gl.WithHTTPClient(&http.Client{Transport: transport}), gl.WithCustomRetryMax(0))
	OK(f.TB, err)
	lines, err := json.Marshal(script)
	OK(f.TB, err)
	text := Read(f.TB, f.Config) + fmt.Sprintf("gitlab_url: %s\ngitlab_token_file: %s\ngitlab_script: %s\n", server.URL(), Write(f.TB, gitlabToken+"\n", f.Dir, "gitlab-token"), lines)
	if secret != "" {
		text += "gitlab_hook_secret_file: " + Write(f.TB, secret+"\n", f.Dir, "gitlab-hook") + "\n"
	}
	f.Config = Write(f.TB, text, f.Dir, "gitlab.yaml")
	return g
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
