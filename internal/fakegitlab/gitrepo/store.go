package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// Store is a directory of repositories, each with a number.
type Store struct {
	dir string
	// mu lets one writer at a time at a repository: what a commit is built on
	// stays its branch's head until it is there. Owned by Store.
	mu    sync.Mutex
	locks map[int64]*sync.Mutex
}

// ErrNotFound is an answer about a ref, commit or file that is not there.
var ErrNotFound = errors.New("not found")

// Open uses a directory, and makes it where it is missing.
func Open(dir string) (*Store, error) {
	if _, err := exec.LookPath("git"); err != nil {
		return nil, fmt.Errorf("git is needed for repositories: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make %s: %w", dir, err)
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("directory of repositories: %w", err)
	}
	return &Store{dir: abs, locks: map[int64]*sync.Mutex{}}, nil
}

// Path is where a repository lies.
func (s *Store) Path(id int64) string {
	return filepath.Join(s.dir, strconv.FormatInt(id, 10)+".git")
}

// Create makes an empty repository.
func (s *Store) Create(ctx context.Context, id int64, branch string) error {
	if _, err := s.git(ctx, "", nil, "init", "--quiet", "--bare", "--initial-branch="+branch, s.Path(id)); err != nil {
		return err
	}
	for name, value := range map[string]string{"http.receivepack": "true", "uploadpack.allowAnySHA1InWant": "true"} {
		if _, err := s.git(ctx, s.Path(id), nil, "config", name, value); err != nil {
			return err
		}
	}
	return nil
}

// Remove deletes a repository.
func (s *Store) Remove(id int64) error {
	if err := os.RemoveAll(s.Path(id)); err != nil {
		return fmt.Errorf("remove repository %d: %w", id, err)
	}
	return nil
}

func (s *Store) lock(id int64) *sync.Mutex {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.locks[id] == nil {
		s.locks[id] = &sync.Mutex{}
	}
	return s.locks[id]
}

// git runs git in a repository and gives what it printed.
func (*Store) git(ctx context.Context, dir string, stdin []byte, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "git", args...) //nolint:gosec // fixed commands; refs are checked before
	cmd.Dir, cmd.Env = dir, Environ()
	cmd.Stdin = bytes.NewReader(stdin)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(complaint.String()))
	}
	return out.Bytes(), nil
}

// Environ is what git gets from this process: where programs are, and that
// nobody's configuration counts.
func Environ() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "LC_ALL=C",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0",
	}
}
