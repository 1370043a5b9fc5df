package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"github.com/duolog/duolog/examples/demo-agent/agent"
	"github.com/duolog/duolog/handlers/engine/local"
)

// superviseCmd watches over one run: it is what the local engine starts, and it
// outlives the server.
type superviseCmd struct {
	Dir string `arg:"" help:"The directory of the run."`
}

// Run does nothing else, so that a server that dies takes nothing with it.
func (c superviseCmd) Run() error { return local.Supervise(c.Dir, os.Stdin, os.Stdout, time.Now) }

// demoAgentCmd is the agent of examples/demo-agent in this binary.
type demoAgentCmd struct{}

// Run is one run of the agent.
func (demoAgentCmd) Run(ctx context.Context, a app) error {
	return agent.Run(ctx, a.getenv, a.err, a.now)
}

type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run(a app) error {
	_, err := fmt.Fprintln(a.out, "duolog", build())
	return err
}

// version is what a build outside of a repository is told (deploy/tools/build).
var version string

// build names this build: streams that another build could not fold are tried
// again by a new one.
func build() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || version != "" {
		return cmp.Or(version, "unknown")
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return info.Main.Version + "+" + s.Value[:12]
		}
	}
	return info.Main.Version
}
