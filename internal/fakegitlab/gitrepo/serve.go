package gitrepo

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cgi" //nolint:gosec // what it names was mended in Go 1.6.3
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// maxPush bounds what one push brings.
const maxPush = 64 << 20

// Serve answers a git client over HTTP with git's own program. rest is what
// follows the repository in the path. For a push it gives the branches that
// have a new head.
func (s *Store) Serve(w http.ResponseWriter, r *http.Request, id int64, rest string) (pushed []string, err error) {
	backend, err := backend(r.Context())
	if err != nil {
		return nil, err
	}
	// What comes in chunks has no length, and CGI wants one.
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPush))
	if err != nil {
		return nil, fmt.Errorf("read a git request: %w", err)
	}
	forward := r.Clone(r.Context())
	forward.Body, forward.ContentLength, forward.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
	forward.URL.Path = "/" + strconv.FormatInt(id, 10) + ".git/" + rest
	handler := &cgi.Handler{Path: backend, Root: "/", Env: append(Environ(), "GIT_PROJECT_ROOT="+s.dir, "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=git"), Stderr: io.Discard}
	if rest != "git-receive-pack" {
		handler.ServeHTTP(w, forward)
		return nil, nil
	}
	lock := s.lock(id)
	lock.Lock()
	defer lock.Unlock()
	before, err := s.heads(r.Context(), id)
	if err != nil {
		return nil, err
	}
	handler.ServeHTTP(w, forward)
	after, err := s.heads(r.Context(), id)
	for branch, sha := range after {
		if before[branch] != sha {
			pushed = append(pushed, branch)
		}
	}
	return pushed, err
}

func backend(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "git", "--exec-path").Output() //nolint:gosec // a fixed command
	if err != nil {
		return "", fmt.Errorf("find git-http-backend: %w", err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "git-http-backend"), nil
}

// heads are the branches and their commits.
func (s *Store) heads(ctx context.Context, id int64) (map[string]string, error) {
	out, err := s.git(ctx, s.Path(id), nil, "for-each-ref", "--format=%(objectname) %(refname:lstrip=2)", "refs/heads/")
	if err != nil {
		return nil, err
	}
	heads := map[string]string{}
	for line := range strings.Lines(string(out)) {
		sha, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		heads[name] = sha
	}
	return heads, nil
}
