package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// load reads a compose file as Docker Compose does: schema, merges, variables, and whether all that is named is there.
func load(ctx context.Context, file string) (*types.Project, error) {
	options, err := cli.NewProjectOptions([]string{file}, cli.WithConsistency(true))
	if err != nil {
		return nil, err
	}
	project, err := options.LoadProject(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return project, nil
}

func checkCompose(ctx context.Context, file string) error {
	_, err := load(ctx, file)
	return err
}

// writeBroker turns the environment of service kafka into what its image makes of it: KAFKA_LOG_DIRS is log.dirs.
func writeBroker(ctx context.Context, file, dir string) error {
	project, err := load(ctx, file)
	if err != nil {
		return err
	}
	kafka, err := project.GetService("kafka")
	if err != nil {
		return err
	}
	var properties strings.Builder
	for name, value := range kafka.Environment {
		if name, ok := strings.CutPrefix(name, "KAFKA_"); ok && value != nil {
			fmt.Fprintf(&properties, "%s=%s\n", strings.ReplaceAll(strings.ToLower(name), "_", "."), *value)
		}
	}
	cluster := kafka.Environment["CLUSTER_ID"]
	if cluster == nil {
		return fmt.Errorf("%s: kafka has no CLUSTER_ID: each start would be another cluster", file)
	}
	if err := os.WriteFile(filepath.Join(dir, "cluster.id"), []byte(*cluster), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "server.properties"), []byte(properties.String()), 0o600)
}
