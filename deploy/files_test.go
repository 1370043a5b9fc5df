package deploy_test

import (
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"

	"github.com/duolog/duolog/internal/config"
	"github.com/duolog/duolog/internal/fleettest"
)

// load reads a configuration as duolog serve does, with no environment.
func load(t *testing.T, file string) config.Config {
	t.Helper()
	var cli struct {
		Serve struct{ config.Config } `cmd:""`
	}
	none := func(string) (string, bool) { return "", false }
	parser, err := kong.New(&cli, kong.Configuration(config.Loader(none)))
	fleettest.OK(t, err)
	_, err = parser.Parse([]string{"serve", "--config", file})
	fleettest.OK(t, err)
	defaults := config.Serve(cli.Serve.StateDir)
	defaults.NodeID, defaults.EngineProgram = "host", []string{"duolog", "demo-agent"}
	c, err := cli.Serve.Resolve(defaults)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return c
}

// decode reads the documents of a YAML file, its anchors and merges resolved.
func decode[T any](t *testing.T, file string) []T {
	t.Helper()
	var out []T
	for text := range strings.SplitSeq(fleettest.Read(t, file), "\n---\n") {
		var one T
		if err := yaml.Unmarshal([]byte(text), &one); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		out = append(out, one)
	}
	return out
}

// understood says whether the product takes a command line.
func understood(t *testing.T, args []string) {
	t.Helper()
	r := fleettest.Command(t, t.TempDir(), nil, append(args, "--help")...)
	if r.Code != 0 {
		t.Errorf("duolog %s: %s", strings.Join(args, " "), r.Err)
	}
}

// settings are the variables of the environment that the product reads, besides those of its libraries.
func settings(t *testing.T) map[string]bool {
	t.Helper()
	out := map[string]bool{"PGPASSFILE": true, "GOMEMLIMIT": true}
	for word := range strings.SplitSeq(fleettest.Read(t, "../docs/configuration.md"), "`") {
		if strings.HasPrefix(word, "DUOLOG_") {
			out[word] = true
		}
	}
	return out
}

// copyOf writes a file of this folder to another place, with its mode.
func copyOf(t *testing.T, from, to string) {
	t.Helper()
	info, err := os.Stat(from)
	fleettest.OK(t, err)
	fleettest.OK(t, os.WriteFile(to, []byte(fleettest.Read(t, from)), info.Mode()))
}
