package fakegitlab

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/duolog/duolog/internal/fakegitlab/ci"
	"github.com/duolog/duolog/internal/fakegitlab/instance"
)

// A job's environment is laid in layers, later ones over earlier ones, in
// GitLab's order: predefined, the CI file's, the project's, the pipeline's.

func fixed(values map[string]string) []ci.Variable {
	out := make([]ci.Variable, 0, len(values))
	for key, value := range values {
		out = append(out, ci.Variable{Key: key, Value: value, Raw: true})
	}
	return out
}

func pairs(given []instance.Pair) []ci.Variable {
	out := make([]ci.Variable, len(given))
	for i, v := range given {
		out[i] = ci.Variable{Key: v.Key, Value: v.Value, Raw: v.Raw}
	}
	return out
}

// pipelineVariables are the predefined ones that a pipeline has before its jobs.
func (s *Server) pipelineVariables(p *instance.Pipeline) []ci.Variable {
	project := s.state.Projects[p.Project]
	group := s.state.Groups[project.Group]
	user := s.user(p.User)
	server, _ := url.Parse(s.url)
	values := map[string]string{
		"CI": "true", "GITLAB_CI": "true",
		"CI_SERVER": "yes", "CI_SERVER_NAME": "GitLab", "CI_SERVER_URL": s.url, "CI_SERVER_HOST": server.Hostname(), "CI_SERVER_PORT": server.Port(),
		"CI_SERVER_PROTOCOL": server.Scheme, "CI_SERVER_VERSION": version, "CI_API_V4_URL": s.url + api,
		"CI_PROJECT_ID": number(project.ID), "CI_PROJECT_NAME": project.Path, "CI_PROJECT_TITLE": project.Name, "CI_PROJECT_PATH": project.FullPath,
		"CI_PROJECT_PATH_SLUG": slug(project.FullPath), "CI_PROJECT_NAMESPACE": group.FullPath, "CI_PROJECT_NAMESPACE_ID": number(group.ID),
		"CI_PROJECT_ROOT_NAMESPACE": s.state.Root(group.ID).FullPath, "CI_PROJECT_URL": s.url + "/" + project.FullPath,
		"CI_PROJECT_VISIBILITY": project.Visibility, "CI_DEFAULT_BRANCH": project.DefaultBranch,
		"CI_PIPELINE_SOURCE": p.Source, "CI_COMMIT_SHA": p.SHA, "CI_COMMIT_SHORT_SHA": p.SHA[:8], "CI_COMMIT_REF_NAME": p.Ref, "CI_COMMIT_BRANCH": p.Ref,
		"CI_COMMIT_REF_SLUG": slug(p.Ref), "CI_COMMIT_TITLE": p.Title, "CI_COMMIT_BEFORE_SHA": zeroSHA,
		"GITLAB_USER_ID": number(user.ID), "GITLAB_USER_LOGIN": user.Username, "GITLAB_USER_NAME": user.Name, "GITLAB_USER_EMAIL": user.Email,
	}
	if p.ID != 0 {
		values["CI_PIPELINE_ID"], values["CI_PIPELINE_IID"] = number(p.ID), number(p.IID)
		values["CI_PIPELINE_URL"] = s.url + "/" + project.FullPath + "/-/pipelines/" + number(p.ID)
		values["CI_PIPELINE_CREATED_AT"], values["CI_PIPELINE_NAME"] = p.CreatedAt.Format("2006-01-02T15:04:05Z07:00"), p.Name
	}
	return fixed(values)
}

// jobVariables are the predefined ones of a job that a runner has taken.
func (s *Server) jobVariables(j *instance.Job, token, dir string) []ci.Variable {
	project := s.state.Projects[j.Project]
	server, _ := url.Parse(s.url)
	server.User, server.Path = url.UserPassword("gitlab-ci-token", token), "/"+project.FullPath+".git"
	values := map[string]string{
		"CI_JOB_ID": number(j.ID), "CI_JOB_NAME": j.Name, "CI_JOB_NAME_SLUG": slug(j.Name), "CI_JOB_STAGE": j.Stage, "CI_JOB_TOKEN": token,
		"CI_JOB_URL": s.url + "/" + project.FullPath + "/-/jobs/" + number(j.ID), "CI_JOB_STARTED_AT": j.StartedAt.Format("2006-01-02T15:04:05Z07:00"),
		"CI_REPOSITORY_URL": server.String(), "CI_PROJECT_DIR": dir, "CI_RUNNER_ID": number(int64(j.Runner)),
		"CI_RUNNER_TAGS": `["` + strings.Join(s.cfg.Tags, `", "`) + `"]`, "CI_RUNNER_VERSION": "fake",
	}
	if j.Image != "" {
		values["CI_JOB_IMAGE"] = j.Image
	}
	if j.Environment != "" {
		values["CI_ENVIRONMENT_NAME"], values["CI_ENVIRONMENT_SLUG"] = j.Environment, slug(j.Environment)
	}
	return fixed(values)
}

// projectVariables are those of a project that reach a pipeline's jobs in an
// environment.
func (s *Server) projectVariables(p *instance.Pipeline, environment string) []ci.Variable {
	var out []ci.Variable
	for _, v := range s.reaching(p, environment) {
		out = append(out, ci.Variable{Key: v.Key, Value: v.Value, Raw: v.Raw})
	}
	return out
}

// reaching lists a project's variables whose scope has an environment, the
// narrower scope later. Protected ones reach the default branch alone.
func (s *Server) reaching(p *instance.Pipeline, environment string) []*instance.Variable {
	var wide, narrow []*instance.Variable
	for _, v := range s.state.VariablesOf(p.Project) {
		switch {
		case v.Protected && p.Ref != s.state.Projects[p.Project].DefaultBranch:
		case v.Environment == "*":
			wide = append(wide, v)
		case environment != "" && matches(v.Environment, environment):
			narrow = append(narrow, v)
		}
	}
	return append(wide, narrow...)
}

func matches(scope, environment string) bool {
	pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(scope), `\*`, ".*") + "$"
	return regexp.MustCompile(pattern).MatchString(environment)
}

// slug is a text as a part of a host name.
func slug(s string) string {
	s = regexp.MustCompile(`[^a-z0-9]`).ReplaceAllString(strings.ToLower(s), "-")
	return strings.Trim(s[:min(len(s), 63)], "-")
}
