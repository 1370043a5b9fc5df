package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	gl "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/adapter/webhook/standard"
	"github.com/duolog/duolog/handlers/engine/gitlab"
	"github.com/duolog/duolog/internal/config"
	"github.com/duolog/duolog/internal/keystore"
)

// gitlabSettings is the GitLab of a node with the secrets read.
type gitlabSettings struct {
	engine gitlab.Config
	hook   gitlab.Hook
	url    string
}

// workloadURL is where people see a workload of the engine gitlab.
func (g *gitlabSettings) workloadURL(engine, workload string) string {
	if engine != config.EngineGitLab {
		return ""
	}
	return gitlab.Link(g.url, workload)
}

// gitlabRetries is how often one request is repeated that GitLab was too busy for.
const gitlabRetries = 2

// openGitLab reads what a node, which others reach at url, knows of its GitLab, nil
// where it has none. It asks GitLab nothing: a node starts without it too.
func openGitLab(cfg config.GitLab, tenants config.Tenants, url string, logger *slog.Logger, now func() time.Time) (*gitlabSettings, error) {
	if cfg.URL == "" {
		return nil, nil //nolint:nilnil // a node without GitLab is one
	}
	token, err := keystore.ReadSecret("gitlab_token_file", "token", cfg.TokenFile)
	if err != nil {
		return nil, err
	}
	client, err := gl.NewClient(token.Reveal(), gl.WithBaseURL(cfg.URL), gl.WithCustomRetryMax(gitlabRetries), gl.WithInterceptor(gitlab.NoPages), gl.WithUserAgent("duolog"))
	if err != nil {
		return nil, problem{fmt.Sprintf("gitlab_url %s cannot be used: %v", cfg.URL, err), "write it like https://gitlab.example.com"}
	}
	out := &gitlabSettings{
		engine: gitlab.Config{
			Client: client, Tags: cfg.RunnerTags, Image: cfg.Image, Script: cfg.Script,
			Timeout: time.Duration(cfg.JobTimeout), Pending: time.Duration(cfg.RunnerTimeout), Logger: logger, Now: now,
			Composite: compositeTokens(cfg, tenants),
		},
		hook: gitlab.Hook{Logger: logger, Now: now},
		url:  strings.TrimRight(cfg.URL, "/"),
	}
	if cfg.SecretFile != "" {
		secret, err := keystore.ReadSecret("gitlab_hook_secret_file", "secret", cfg.SecretFile)
		if err != nil {
			return nil, err
		}
		out.hook.Secret = secret.Reveal()
		out.engine.HookURL, out.engine.HookSecret = strings.TrimRight(url, "/")+"/v1/gitlab/hooks", out.hook.Secret
	}
	if cfg.SigningFile != "" {
		secret, err := keystore.ReadSecret("gitlab_hook_signing_file", "signing token", cfg.SigningFile)
		if err != nil {
			return nil, err
		}
		key, err := standard.ParseKey(secret.Reveal())
		if err != nil {
			return nil, problem{"the signing token in " + cfg.SigningFile + " cannot be used: " + err.Error(), "copy the one that GitLab shows for the hook"}
		}
		out.hook.Key = &key
	}
	return out, nil
}

// takesHooks says whether hooks of the instance can be told from everybody else's.
func (g *gitlabSettings) takesHooks() bool {
	return g != nil && (g.hook.Secret != "" || g.hook.Key != nil)
}

// compositeTokens is what jobs of tenants act with in GitLab to whom it says who is who,
// nil where no service account has a secret. Files are read when they are needed: a
// secret that was replaced is the next run's.
func compositeTokens(cfg config.GitLab, tenants config.Tenants) *gitlab.Composite {
	if cfg.AccountsDir == "" {
		return nil
	}
	return &gitlab.Composite{
		URL:  cfg.URL,
		HTTP: &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		For: func(name domain.Tenant) bool {
			found, ok := tenants.Find(name)
			return ok && found.Directory == config.DirectoryGitLab
		},
		Secret: func(account string) (string, error) {
			if !filepath.IsLocal(account) || filepath.Base(account) != account {
				return "", domain.InvalidField("service_account", "the name of the account is not that of a file", "name the service account as GitLab does")
			}
			secret, err := keystore.ReadSecret("gitlab_accounts_dir", "secret", filepath.Join(cfg.AccountsDir, account))
			return secret.Reveal(), err
		},
	}
}
