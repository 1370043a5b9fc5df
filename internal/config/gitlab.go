package config

import (
	"cmp"
	"net/url"
	"time"
)

// GitLab is the instance whose runners run the agents of the engine gitlab.
type GitLab struct {
	URL           string   `name:"url" env:"URL" placeholder:"URL" help:"The GitLab instance whose runners run the agents of the engine gitlab (default none)."`
	TokenFile     string   `name:"token-file" env:"TOKEN_FILE" placeholder:"FILE" help:"File with a token of that instance in its first line, mode 0600: scope api, maintainer of the workspace projects."`
	SecretFile    string   `name:"hook-secret-file" env:"HOOK_SECRET_FILE" placeholder:"FILE" help:"File with the secret token of its pipeline and job hooks, mode 0600. Without one, and without a signing token, GitLab is only asked."`
	SigningFile   string   `name:"hook-signing-file" env:"HOOK_SIGNING_FILE" placeholder:"FILE" help:"File with the signing token of its hooks (whsec_…), mode 0600. A hook that is signed is judged by its signature."`
	AccountsDir   string   `name:"accounts-dir" env:"ACCOUNTS_DIR" placeholder:"DIR" help:"Directory with one file for each service account, named after it, mode 0600: the secret by which it gets composite tokens of that instance. Without one jobs cannot act in GitLab itself."`
	RunnerTags    []string `name:"runner-tags" env:"RUNNER_TAGS" placeholder:"TAG,…" help:"What a runner must be tagged with to run agents (default gitlab--duo)."`
	Image         string   `name:"image" env:"IMAGE" placeholder:"IMAGE" help:"What agents run in unless their workflow names an image (default the runner's own)."`
	Script        []string `name:"script" env:"SCRIPT" sep:"none" placeholder:"COMMAND" help:"What the job runs (default the executor of GitLab Duo)."`
	JobTimeout    Duration `name:"job-timeout" env:"JOB_TIMEOUT" placeholder:"2h" help:"How long a run may take (default 2h; 45m with the executor of GitLab Duo, which cannot renew its token). Shorter ends long work, longer keeps a runner that got stuck."`
	RunnerTimeout Duration `name:"runner-timeout" env:"RUNNER_TIMEOUT" placeholder:"10m" help:"How long a job may wait for a runner. Shorter gives up when all are busy, longer leaves people waiting."`
}

// EngineGitLab is the engine that runs agents as CI jobs.
const EngineGitLab = "gitlab"

func (g GitLab) withDefaults() GitLab {
	if g.URL == "" {
		return g
	}
	g.RunnerTags = orList(g.RunnerTags, []string{"gitlab--duo"})
	g.RunnerTimeout = cmp.Or(g.RunnerTimeout, Duration(10*time.Minute))
	if g.JobTimeout == 0 {
		g.JobTimeout = Duration(2 * time.Hour)
		if len(g.Script) == 0 {
			g.JobTimeout = max(Duration(RunLife)-g.RunnerTimeout, Duration(time.Minute))
		}
	}
	return g
}

// RunLife is how long a run may take whose agent cannot renew its token, the wait for a
// runner included.
const RunLife = 55 * time.Minute

func (g GitLab) check(p *problems, used bool) {
	p.want(g.URL != "" || !used, "gitlab_url", "a tenant uses a GitLab, as its engine or its directory, and there is no instance", "set it to the address of your GitLab")
	if g.URL == "" {
		return
	}
	u, err := url.Parse(g.URL)
	p.want(err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.User == nil && u.RawQuery == "", "gitlab_url",
		quote(g.URL)+" is not the address of a GitLab", "write it like https://gitlab.example.com")
	p.want(g.TokenFile != "", "gitlab_token_file", "there is no token for "+quote(g.URL), "write one into the first line of a file, mode 0600, and name that")
	within(p, "gitlab_job_timeout", time.Duration(g.JobTimeout), time.Minute, 24*time.Hour)
	within(p, "gitlab_runner_timeout", time.Duration(g.RunnerTimeout), time.Second, 24*time.Hour)
	p.want(len(g.Script) > 0 || time.Duration(g.JobTimeout+g.RunnerTimeout) <= RunLife, "gitlab_job_timeout",
		"the executor of GitLab Duo cannot renew its token, which works for "+RunLife.String()+", and the job may wait and run for longer",
		"let gitlab_job_timeout and gitlab_runner_timeout come to "+RunLife.String()+" at most, or name an agent that renews its token with gitlab_script")
}
