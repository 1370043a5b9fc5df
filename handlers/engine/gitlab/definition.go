package gitlab

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/goccy/go-yaml"

	"github.com/duolog/duolog/handlers/engine"
)

const (
	definitionFile = ".gitlab-ci.yml"
	jobName        = "duolog"
	// tokenKey is the masked variable that holds the run's token.
	tokenKey = "DUOLOG_RUN_TOKEN" //nolint:gosec // a name
	// tokenName is the variable by which the run's token comes from the effects.
	tokenName = "DUOLOG_TOKEN" //nolint:gosec // a name
)

// literal is a variable that GitLab expands nothing in.
type literal struct {
	Value  string `yaml:"value"`
	Expand bool   `yaml:"expand"`
}

type environment struct {
	Name string `yaml:"name"`
	// Action prepare makes no deployment of the job.
	Action string `yaml:"action"`
}

type job struct {
	Stage       string         `yaml:"stage"`
	Tags        []string       `yaml:"tags"`
	Image       string         `yaml:"image,omitempty"`
	Timeout     string         `yaml:"timeout"`
	Environment environment    `yaml:"environment"`
	Variables   map[string]any `yaml:"variables"`
	Script      []string       `yaml:"script"`
}

// definition is the .gitlab-ci.yml of a run, which acts in GitLab with a composite
// token; empty for none.
func definition(cfg Config, s engine.Start, acting string) ([]byte, error) {
	j := job{
		Stage: "build", Tags: cfg.Tags, Image: cfg.Image, Timeout: strconv.Itoa(int(cfg.Timeout.Minutes())) + " minutes",
		Environment: environment{environmentOf(runOf(s)), "prepare"},
		Variables:   variables(s), Script: append([]string{whileItLasts}, script(cfg, s)...),
	}
	if acting != "" {
		maps.Copy(j.Variables, inGitLab(cfg.Composite.URL))
	}
	if s.Image != "" {
		j.Image = s.Image
	}
	b, err := yaml.Marshal(yaml.MapSlice{{Key: "stages", Value: []string{"build"}}, {Key: jobName, Value: j}})
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", definitionFile, err)
	}
	return b, nil
}

// whileItLasts ends a job that somebody retries in GitLab after its run: its tokens went
// with the run, and another run may be at work.
const whileItLasts = `if [ -z "$` + tokenKey + `" ]; then echo "The run of this job is over: resume its workflow in Duolog instead of retrying the job."; exit 1; fi`

// script is what the job runs. The executor of GitLab Duo learns what a person decided
// from its arguments, every other one from its variables.
func script(cfg Config, s engine.Start) []string {
	if len(cfg.Script) > 0 {
		return cfg.Script
	}
	line := `duo run --existing-session-id "$DUO_WORKFLOW_WORKFLOW_ID" --connection-type websocket`
	switch s.Env[engine.EnvApproval] {
	case "true":
		line += " --approval true"
	case "false":
		line += ` --approval false --rejection-reason "$` + engine.EnvApprovalMessage + `"`
	}
	return []string{line}
}

// variables are those of the run. What equals its token is a reference to the
// masked one; everything else is literal.
func variables(s engine.Start) map[string]any {
	out := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(s.Env)) {
		value := s.Env[name]
		if value == s.Env[tokenName] {
			out[name] = "$" + tokenKey
			continue
		}
		out[name] = literal{Value: value}
	}
	out["DUO_WORKFLOW_BASE_PATH"] = literal{Value: "./"}
	// The workspace is a light place to work in: an agent that needs a repository clones it.
	out["GIT_STRATEGY"] = literal{Value: "none"}
	return out
}

// inGitLab are the variables by which an agent, git and glab reach the GitLab itself.
// GITLAB_BASE_URL and GITLAB_OAUTH_TOKEN are not among them: they name Duolog, which the
// executor calls back.
func inGitLab(url string) map[string]any {
	const held = "$" + compositeKey
	return map[string]any{
		"GITLAB_TOKEN": held, "GIT_PASSWORD": held, "DUO_WORKFLOW_GIT_HTTP_PASSWORD": held,
		"DUO_WORKFLOW_GIT_HTTP_USER": literal{Value: "oauth"}, "DUO_WORKFLOW_GIT_HTTP_BASE_URL": literal{Value: url},
		"GITLAB_HOST": literal{Value: url}, "GLAB_IS_OAUTH2": literal{Value: "true"},
	}
}
