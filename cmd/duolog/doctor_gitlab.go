package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	gl "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/duolog/duolog/handlers/engine/gitlab"
	"github.com/duolog/duolog/internal/config"
)

// checkGitLab looks whether the GitLab of the configuration lets the engine in, and
// whether it has a runner.
func checkGitLab(ctx context.Context, p *patient) []finding {
	if p.file == nil || p.file.GitLab.URL == "" {
		return nil
	}
	const in = "GitLab lets the engine in"
	g, err := openGitLab(p.file.GitLab, p.file.Tenants, p.file.PublicURL, slog.New(slog.DiscardHandler), p.app.now)
	if err != nil {
		return []finding{failed(in, err)}
	}
	me, answer, err := g.engine.Client.Users.CurrentUser(gl.WithContext(ctx))
	switch {
	case answer != nil && answer.StatusCode == http.StatusUnauthorized:
		return []finding{wrong(in, p.file.GitLab.URL+" does not know the token", "write one with the scope api, that has not expired, into "+p.file.GitLab.TokenFile)}
	case err != nil:
		return []finding{wrong(in, fmt.Sprintf("%s gives no answer: %v", p.file.GitLab.URL, err), "see that gitlab_url is right and that this machine reaches it")}
	}
	out := []finding{well(in, "as "+me.Username)}
	for _, t := range p.file.Tenants {
		if t.Uses(config.EngineGitLab) && t.Project.Path != "" {
			out = append(out, checkWorkspace(ctx, g.engine.Client, t.Project.Path, p.file.GitLab.RunnerTags))
		}
		if t.Uses(config.EngineGitLab) && t.Directory == config.DirectoryGitLab {
			out = append(out, checkActing(g.engine.Composite, t))
		}
	}
	if !g.takesHooks() {
		out = append(out, warn("GitLab tells of ends by itself", "no hook is expected: an end is seen up to 15 s late",
			"add a hook for pipeline events to "+p.file.PublicURL+"/v1/gitlab/hooks, and name its secret with gitlab_hook_secret_file"))
	}
	return out
}

// checkWorkspace looks for a runner of a project that has all the tags.
func checkWorkspace(ctx context.Context, c *gl.Client, project string, tags []string) finding {
	name := project + " has a runner for agents"
	if _, _, err := c.Projects.GetProject(project, nil, gl.WithContext(ctx)); err != nil {
		return wrong(name, fmt.Sprintf("the project cannot be read: %v", err), "create it with a README, and make the user of the token its maintainer")
	}
	runners, _, err := c.Runners.ListProjectRunners(project, &gl.ListProjectRunnersOptions{TagList: &tags}, gl.WithContext(ctx))
	if err != nil {
		return warn(name, fmt.Sprintf("its runners cannot be listed: %v", err), "make the user of the token its maintainer")
	}
	if !slices.ContainsFunc(runners, func(r *gl.Runner) bool { return r.Status == "online" && !r.Paused }) {
		return wrong(name, "no runner with the tags "+strings.Join(tags, ", ")+" is online: jobs would wait and be given up", "register one, or name other tags with gitlab_runner_tags")
	}
	return well(name, "")
}

// checkActing looks whether the jobs of a tenant get tokens to act in GitLab with.
func checkActing(c *gitlab.Composite, t config.Tenant) finding {
	name := "jobs of " + string(t.Name) + " act in GitLab for people"
	if c == nil {
		return warn(name, "there is no secret to get composite tokens with: jobs have Duolog's own token alone", "set gitlab_accounts_dir; see docs/engine-gitlab.md")
	}
	if t.ServiceAccount == "" {
		return well(name, "as the service account of each flow")
	}
	if _, err := c.Secret(t.ServiceAccount); err != nil {
		return failed(name, err)
	}
	return well(name, "as "+t.ServiceAccount)
}
