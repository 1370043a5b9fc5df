package main

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/duolog/duolog/internal/config"
	"github.com/duolog/duolog/internal/fakegitlab"
)

// startGitLab starts the fake GitLab of --gitlab; nil without that.
// What runs then goes through it: the tenant's agents are jobs of its runner, and who is
// who is what it says.
func (c devCmd) startGitLab(a app, cfg *config.Config) (*fakegitlab.Server, error) {
	if !c.GitLab {
		return nil, nil //nolint:nilnil // nobody asked for one
	}
	logger, err := newLogger(a, *cfg)
	if err != nil {
		return nil, err
	}
	like := fakeGitLabCmd{Listen: c.GitLabListen, Runners: devRunners}
	server, err := startFakeGitLab(a, like, gitLabDir(*cfg), logger)
	if err != nil {
		return nil, portProblem(err, c.GitLabListen, "--gitlab-listen")
	}
	return server, useGitLab(cfg, server)
}

// useGitLab makes it the engine and the directory of the tenant of dev.
func useGitLab(cfg *config.Config, server *fakegitlab.Server) error {
	dir := gitLabDir(*cfg)
	secret := filepath.Join(dir, "hook-secret")
	if _, err := os.Stat(secret); err != nil {
		if err := os.WriteFile(secret, []byte(rand.Text()+"\n"), 0o600); err != nil {
			return fmt.Errorf("write the secret of GitLab's hooks: %w", err)
		}
	}
	accounts, err := writeAccount(dir, server)
	if err != nil {
		return err
	}
	base, err := filepath.Abs(cfg.EngineBasePath)
	if err != nil {
		return fmt.Errorf("the directory that agents work on: %w", err)
	}
	script := []string{"cd '" + strings.ReplaceAll(base, "'", `'\''`) + "'", strings.Join(cfg.EngineProgram, " ")}
	cfg.GitLab = config.GitLab{
		URL: server.URL(), TokenFile: filepath.Join(dir, tokenFile), SecretFile: secret, AccountsDir: accounts, Script: script,
		RunnerTags: []string{"gitlab--duo"}, JobTimeout: config.Duration(2 * time.Hour), RunnerTimeout: config.Duration(time.Minute),
	}
	for i := range cfg.Tenants {
		t := &cfg.Tenants[i]
		t.Engine, t.Engines, t.Directory = config.EngineGitLab, []string{config.EngineGitLab, "local"}, config.DirectoryGitLab
	}
	return nil
}

// writeAccount leaves, once, what the service account of the company gets composite
// tokens with, in a directory of such files.
func writeAccount(dir string, server *fakegitlab.Server) (string, error) {
	accounts := filepath.Join(dir, "accounts")
	file := filepath.Join(accounts, fakegitlab.CompanyAgent)
	if _, err := os.Stat(file); err == nil {
		return accounts, nil
	}
	token, err := server.Token(fakegitlab.CompanyAgent)
	if err == nil {
		err = os.MkdirAll(accounts, 0o700)
	}
	if err == nil {
		err = os.WriteFile(file, []byte(token+"\n"), 0o600)
	}
	if err != nil {
		return "", fmt.Errorf("write the secret of the service account: %w", err)
	}
	return accounts, nil
}

// devRunners is how many jobs run at once.
const devRunners = 2

func gitLabDir(cfg config.Config) string { return filepath.Join(cfg.StateDir, "gitlab") }

// gitLabLine is what the banner says of it.
func gitLabLine(server *fakegitlab.Server, cfg config.Config) string {
	if server == nil {
		return ""
	}
	return fmt.Sprintf("             fake GitLab %s   token of %s in %s\n", server.URL(), fakegitlab.CompanyAdmin, filepath.Join(short(gitLabDir(cfg)), tokenFile))
}
