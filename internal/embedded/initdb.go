package embedded

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// initialise makes the database unless there is one. It is built beside its place and renamed, so a
// crash here leaves nothing that a later start could take for a database.
func (p *Postgres) initialise(ctx context.Context) error {
	exists, err := fileExists(filepath.Join(p.data(), "PG_VERSION"))
	if err != nil {
		return err
	}
	if p.password, err = p.loadPassword(exists); err != nil {
		return err
	}
	if exists {
		return nil
	}
	fresh := p.data() + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return fmt.Errorf("remove unfinished database: %w", err)
	}
	if err := os.Mkdir(fresh, 0o700); err != nil {
		return fmt.Errorf("create database directory: %w", err)
	}
	if err := p.runInitdb(ctx, fresh); err != nil {
		return err
	}
	if err := os.Rename(fresh, p.data()); err != nil {
		return fmt.Errorf("put new database in place: %w", err)
	}
	return nil
}

func (p *Postgres) runInitdb(ctx context.Context, fresh string) error {
	pwfile := fresh + ".password"
	if err := os.WriteFile(pwfile, []byte(p.password), 0o600); err != nil {
		return fmt.Errorf("write password for initdb: %w", err)
	}
	defer func() { _ = os.Remove(pwfile) }()
	if err := p.identity.own(fresh, pwfile); err != nil {
		return err
	}
	args := []string{
		"-D", fresh, "-U", superuser, "--pwfile=" + pwfile, "--auth=scram-sha-256",
		"--encoding=UTF8", "--locale=C", "--no-instructions",
	}
	if p.cfg.Ephemeral {
		args = append(args, "--no-sync")
	}
	out, err := p.command(ctx, "initdb", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("initdb in %s: %w: %s", fresh, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// loadPassword returns the superuser's password, and makes one for a database that is yet to be made.
func (p *Postgres) loadPassword(databaseExists bool) (string, error) {
	path := filepath.Join(p.dir, "postgres.password")
	data, err := os.ReadFile(path) //nolint:gosec // our own file below the state directory
	if err == nil && len(data) > 0 {
		return string(data), nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read database password: %w", err)
	}
	if databaseExists {
		return "", fmt.Errorf("the database in %s has lost its password file %s: put it back, or move the database away and a new one is made",
			p.data(), path)
	}
	password := rand.Text()
	if err := os.WriteFile(path, []byte(password), 0o600); err != nil {
		return "", fmt.Errorf("write database password: %w", err)
	}
	return password, nil
}

func fileExists(path string) (bool, error) {
	_, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for %s: %w", path, err)
	}
	return true, nil
}
