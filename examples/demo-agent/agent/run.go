package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Run is one execution of the agent. It returns when the run is over; an error
// says in one line why the agent could not do its work.
func Run(ctx context.Context, getenv func(string) string, stderr io.Writer, now func() time.Time) error {
	cfg, err := readConfig(getenv)
	if err != nil {
		return err
	}
	api := &client{
		base: cfg.url, token: cfg.token, workflow: cfg.workflow, trace: getenv("TRACEPARENT"),
		http: &http.Client{Timeout: 40 * time.Second}, delays: retryDelays(), now: now,
	}
	a := &agent{
		session: &session{api: api, now: now},
		permits: &permits{api: api, now: now, until: map[string]time.Time{}},
		repo:    &repo{root: cfg.basePath, home: getenv("HOME"), path: getenv("PATH")},
		goal:    cfg.goal,
		delay:   cfg.stepDelay,
		log:     stderr,
	}
	return a.run(ctx)
}

type config struct {
	url, token, workflow, goal, basePath string
	stepDelay                            time.Duration
}

func readConfig(getenv func(string) string) (config, error) {
	cfg := config{
		url: strings.TrimRight(getenv("DUOLOG_URL"), "/"), token: getenv("DUOLOG_TOKEN"),
		workflow: getenv("DUO_WORKFLOW_WORKFLOW_ID"), goal: getenv("DUO_WORKFLOW_GOAL"),
		basePath: getenv("DUO_WORKFLOW_BASE_PATH"),
	}
	if cfg.basePath == "" {
		cfg.basePath = "."
	}
	for name, value := range map[string]string{
		"DUOLOG_URL": cfg.url, "DUOLOG_TOKEN": cfg.token, "DUO_WORKFLOW_WORKFLOW_ID": cfg.workflow,
	} {
		if value == "" {
			return cfg, errors.New(name + " is not set: the engine that starts an agent sets it")
		}
	}
	if delay := getenv("DEMO_AGENT_STEP_DELAY"); delay != "" {
		d, err := time.ParseDuration(delay)
		if err != nil {
			return cfg, fmt.Errorf("DEMO_AGENT_STEP_DELAY %q is not a duration such as 500ms", delay)
		}
		cfg.stepDelay = d
	}
	return cfg, nil
}
