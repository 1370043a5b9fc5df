package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/duolog/duolog/handlers/adapter/webhook/payload"
	"github.com/duolog/duolog/handlers/adapter/webhook/standard"
	"github.com/duolog/duolog/internal/config"
)

const (
	devHook        = "dev"
	hookSecretFile = "hook.secret"
)

// addHook adds the hook of --hook to the tenant: it is told everything but the
// steps, under a key that is made once.
func (c devCmd) addHook(cfg config.Config) (config.Config, error) {
	if c.Hook == "" {
		return cfg, nil
	}
	file := filepath.Join(cfg.StateDir, hookSecretFile)
	if err := makeSecret(file); err != nil {
		return cfg, err
	}
	events := slices.DeleteFunc(payload.Types(), func(name string) bool { return name == payload.Progress })
	cfg.Tenants = slices.Clone(cfg.Tenants)
	cfg.Tenants[0].Hooks = append(slices.Clone(cfg.Tenants[0].Hooks), config.Hook{
		Name: devHook, URL: c.Hook, SecretFiles: []string{file}, Events: events,
	})
	return cfg.Resolve(cfg)
}

// makeSecret writes a key where there is none.
func makeSecret(file string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		return problem{"the state directory cannot be made: " + err.Error(), "choose another with --state-dir"}
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // the state directory is the user's own
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("write the key of the hook: %w", err)
	}
	_, err = fmt.Fprintln(f, standard.NewSecret())
	return errors.Join(err, f.Close())
}
