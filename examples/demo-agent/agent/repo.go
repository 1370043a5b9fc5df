package agent

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path"
	"strings"
	"time"
)

const (
	// maxGit bounds what is read of one git command, gitTimeout how long it takes.
	maxGit     = 8 << 20
	gitTimeout = 30 * time.Second
)

// repo is the repository the agent looks at. It never writes, and sees tracked
// files only: what git ignores may hold secrets.
type repo struct {
	root, home, path string
	// files are the tracked files, relative to root, in order.
	files []string
}

// finding is what one step showed: enough for the answer, small enough for a
// checkpoint. At most one field is set.
type finding struct {
	Error   string       `json:"error,omitempty"`
	Log     *logFacts    `json:"log,omitempty"`
	Hits    *hitFacts    `json:"hits,omitempty"`
	File    *fileFacts   `json:"file,omitempty"`
	Files   *filesFacts  `json:"files,omitempty"`
	Authors *authorFacts `json:"authors,omitempty"`
	Status  *statusFacts `json:"status,omitempty"`
}

// open checks that there is a repository and lists its files.
func (r *repo) open(ctx context.Context) error {
	top, err := r.git(ctx, "rev-parse", "--show-toplevel")
	if err != nil {
		return fmt.Errorf("%s is not a git repository I can read: %w", r.root, err)
	}
	r.root = strings.TrimSpace(top)
	list, err := r.git(ctx, "ls-files", "-z")
	if err != nil {
		return fmt.Errorf("list the files of %s: %w", r.root, err)
	}
	r.files = strings.FieldsFunc(list, func(c rune) bool { return c == 0 })
	return nil
}

// use runs one tool: what it showed, and its output for people.
func (r *repo) use(ctx context.Context, s step) (finding, string, error) {
	switch s.Tool {
	case toolLog:
		return r.log(ctx, s.N, s.Path)
	case toolDefined:
		return r.grep(ctx, s.Pattern, true)
	case toolGrep:
		return r.grep(ctx, s.Pattern, false)
	case toolRead:
		return r.read(ctx, s.Path)
	case toolList:
		return r.list(ctx, s.Path)
	case toolAuthors:
		return r.authors(ctx)
	case toolStatus:
		return r.status(ctx)
	default:
		return finding{}, "", fmt.Errorf("no tool is called %s", s.Tool)
	}
}

// resolve finds the tracked file or folder somebody means. People leave out
// folders, endings and capitals; what they name never leaves the repository,
// because only tracked paths are ever returned.
func (r *repo) resolve(name string) (found string, folder bool, err error) {
	wanted := path.Clean(strings.TrimPrefix(strings.ReplaceAll(name, "\\", "/"), "./"))
	if wanted == "." || name == "" {
		return "", true, nil
	}
	wanted = strings.TrimPrefix(wanted, "/")
	loose := ""
	for _, file := range r.files {
		switch {
		case file == wanted:
			return file, false, nil
		case strings.HasPrefix(file, wanted+"/"):
			return wanted, true, nil
		case loose == "" && alike(file, wanted):
			loose = file
		}
	}
	if loose == "" {
		return "", false, fmt.Errorf("there is no tracked file or folder called %s", clip(name, 120))
	}
	return loose, false, nil
}

// alike says whether file could be called wanted: the end of its path, with or
// without its ending.
func alike(file, wanted string) bool {
	file, wanted = strings.ToLower(file), strings.ToLower(wanted)
	bare := strings.TrimSuffix(file, path.Ext(file))
	return file == wanted || bare == wanted ||
		strings.HasSuffix(file, "/"+wanted) || strings.HasSuffix(bare, "/"+wanted)
}

// git runs one command. Words of a user come only after "--" or "-e", as a
// literal path or pattern; the repository's own configuration runs nothing; and
// the agent's token is not in git's environment.
func (r *repo) git(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, gitTimeout)
	defer cancel()
	args = append([]string{
		"--no-pager", "--literal-pathspecs", "-C", r.root,
		"-c", "core.quotePath=false", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null",
		"-c", "log.showSignature=false", "-c", "submodule.recurse=false", "-c", "color.ui=false",
	}, args...)
	cmd := exec.CommandContext(ctx, "git", args...) //nolint:gosec // arguments are built above
	cmd.Env = []string{
		"PATH=" + cmp.Or(r.path, "/usr/local/bin:/usr/bin:/bin"), "HOME=" + r.home, "LC_ALL=C.UTF-8",
		"GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0", "GIT_PAGER=cat",
	}
	out, errOut := &limited{room: maxGit}, &limited{room: 4 << 10}
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = out, errOut, time.Second
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return "", fmt.Errorf("git took longer than %s", gitTimeout)
		}
		said := strings.TrimSpace(errOut.text.String())
		return out.text.String(), fmt.Errorf("git: %w: %s", err, clip(said, 300))
	}
	return out.text.String(), nil
}

// exitCode is git's, or −1.
func exitCode(err error) int {
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		return e.ExitCode()
	}
	return -1
}

// limited keeps the first room bytes and takes the rest without keeping it.
type limited struct {
	text bytes.Buffer
	room int
}

var _ io.Writer = (*limited)(nil)

// Write implements io.Writer.
func (l *limited) Write(p []byte) (int, error) {
	take := min(len(p), l.room-l.text.Len())
	l.text.Write(p[:take])
	return len(p), nil
}
