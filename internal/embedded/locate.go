package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const oldestMajor = 14

// server is a Postgres installation.
type server struct {
	bin   string // the directory of its programs
	major int
}

func (s server) program(name string) string { return filepath.Join(s.bin, name) }

// findServer chooses what runs the database: of the installed servers the newest, or the downloaded
// one. A database belongs to one major version for good, so an existing one decides.
func (p *Postgres) findServer(ctx context.Context) (server, error) {
	made, err := p.madeBy()
	if err != nil {
		return server{}, err
	}
	var installed []server
	if !p.cfg.DownloadOnly {
		installed = installedServers(ctx)
	}
	for _, s := range installed {
		if made == 0 || made == s.major {
			return s, nil
		}
	}
	if made == 0 || made == downloadMajor {
		return p.downloadedServer(ctx)
	}
	return server{}, fmt.Errorf("the database in %s was made by PostgreSQL %d, which is not installed: install it (apt-get install postgresql-%d), or move the directory away and a new one is made",
		p.data(), made, made)
}

// madeBy returns the major version of an existing database, 0 if there is none.
func (p *Postgres) madeBy() (int, error) {
	data, err := os.ReadFile(filepath.Join(p.data(), "PG_VERSION"))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the version of the database: %w", err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return 0, fmt.Errorf("read the version of the database in %s: %w", p.data(), err)
	}
	return major, nil
}

// installedServers lists usable servers, newest first; of equals the one in PATH.
func installedServers(ctx context.Context) []server {
	var bins []string
	if path, err := exec.LookPath("postgres"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			bins = append(bins, filepath.Dir(path))
		}
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",              // Debian, Ubuntu
		"/usr/pgsql-*/bin",                       // Red Hat
		"/usr/libexec/postgresql*",               // Alpine
		"/opt/homebrew/opt/postgresql*/bin",      // macOS
		"/usr/local/opt/postgresql*/bin",         // macOS, Intel
		"/Applications/Postgres.app/*/*/bin",     // macOS, app
		"/usr/local/pgsql/bin", "/usr/local/bin", // from source
	} {
		found, _ := filepath.Glob(pattern) // only a malformed pattern fails
		bins = append(bins, found...)
	}
	var servers []server
	for _, bin := range bins {
		if s, ok := inspect(ctx, bin); ok {
			servers = append(servers, s)
		}
	}
	slices.SortStableFunc(servers, func(a, b server) int { return cmp.Compare(b.major, a.major) })
	return servers
}

// inspect asks a directory's postgres for its version; without initdb beside it, it is no server.
func inspect(ctx context.Context, bin string) (server, bool) {
	if ok, err := fileExists(filepath.Join(bin, "initdb")); err != nil || !ok {
		return server{}, false
	}
	out, err := exec.CommandContext(ctx, filepath.Join(bin, "postgres"), "--version").Output() //nolint:gosec // a program found in a known place
	if err != nil {
		return server{}, false
	}
	match := regexp.MustCompile(`PostgreSQL\) (\d+)`).FindSubmatch(out)
	if match == nil {
		return server{}, false
	}
	major, err := strconv.Atoi(string(match[1]))
	return server{bin: bin, major: major}, err == nil && major >= oldestMajor
}
