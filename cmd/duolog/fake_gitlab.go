package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/duolog/duolog/internal/config"
	"github.com/duolog/duolog/internal/fakegitlab"
)

// fakeGitLabCmd runs a GitLab to try things on.
type fakeGitLabCmd struct {
	Listen   string   `help:"Where it listens. Who reaches it can, with a token, run programs on this machine." default:"127.0.0.1:8929" placeholder:"HOST:PORT"`
	StateDir string   `help:"Where its state, repositories and traces are kept; an empty one begins with a small company." default:".duolog/gitlab" placeholder:"DIR"`
	Runners  int      `help:"How many jobs run at once; 0 is a GitLab without a runner." default:"2" placeholder:"N"`
	Tags     []string `help:"What the runners are tagged with." default:"gitlab--duo" placeholder:"TAG,…"`
	LogLevel string   `help:"The least serious messages to log: debug, info, warn, error." default:"warn" enum:"debug,info,warn,error" placeholder:"LEVEL"`
}

// Help is shown below the flags.
func (fakeGitLabCmd) Help() string {
	return "Example:\n  duolog fake-gitlab --state-dir /tmp/gitlab\n  curl -H \"PRIVATE-TOKEN: $(cat /tmp/gitlab/token)\" http://127.0.0.1:8929/api/v4/projects\n\n" +
		"GitLab's wire format over real git repositories, and a runner that runs the scripts of CI jobs as processes of this machine. For trying and testing alone; docs/fake-gitlab.md says what it can and how to make it fail."
}

// Run serves until a signal comes.
func (c fakeGitLabCmd) Run(ctx context.Context, a app) error {
	logger, err := newLogger(a, config.Config{LogLevel: c.LogLevel, LogFormat: "auto"})
	if err != nil {
		return err
	}
	dir, err := filepath.Abs(c.StateDir)
	if err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	server, err := startFakeGitLab(a, c, dir, logger)
	if err != nil {
		return portProblem(err, c.Listen, "--listen")
	}
	defer server.Close()
	_, err = fmt.Fprintf(a.out, "fake GitLab %s   runners %d   state in %s/   token of %s in %s   stop with Ctrl-C\n",
		server.URL(), c.Runners, short(dir), fakegitlab.CompanyAdmin, filepath.Join(short(dir), tokenFile))
	if err != nil {
		return fmt.Errorf("say where it listens: %w", err)
	}
	<-ctx.Done()
	return nil
}

// startFakeGitLab starts one with the small company and leaves a token of its
// administrator in the state directory, made once.
func startFakeGitLab(a app, c fakeGitLabCmd, dir string, logger *slog.Logger) (*fakegitlab.Server, error) {
	server, err := fakegitlab.Start(fakegitlab.Config{
		Listen: c.Listen, StateDir: dir, Runners: c.Runners, Tags: c.Tags, Now: a.now, Logger: logger, Seed: fakegitlab.Company(),
	})
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, tokenFile)
	if _, err := os.Stat(file); err == nil {
		return server, nil
	}
	token, err := server.Token(fakegitlab.CompanyAdmin)
	if err == nil {
		err = os.WriteFile(file, []byte(token+"\n"), 0o600)
	}
	if err != nil {
		server.Close()
		return nil, fmt.Errorf("write the token of the fake GitLab: %w", err)
	}
	return server, nil
}
