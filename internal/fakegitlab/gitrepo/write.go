package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Actions of a change.
const (
	Create = "create"
	Update = "update"
	Delete = "delete"
	Move   = "move"
)

// Change is what a commit does to one file.
type Change struct {
	Action     string
	Path       string
	From       string // of a move
	Body       []byte
	KeepBody   bool // a move without content
	Executable bool
}

// Draft is a commit to be made.
type Draft struct {
	Branch string
	// Start is where a new branch begins; empty: at Branch itself, or, in an
	// empty repository, at nothing.
	Start       string
	Force       bool
	Message     string
	Name, Email string
	At          time.Time
	Changes     []Change
}

// RefusedError says why a draft cannot be committed, in GitLab's words.
type RefusedError struct{ Reason string }

func (e *RefusedError) Error() string { return e.Reason }

func refuse(format string, args ...any) error { return &RefusedError{fmt.Sprintf(format, args...)} }

// Write makes a commit.
func (s *Store) Write(ctx context.Context, id int64, d Draft) (Commit, error) {
	if !validBranch(d.Branch) {
		return Commit{}, refuse("Branch name is invalid")
	}
	lock := s.lock(id)
	lock.Lock()
	defer lock.Unlock()
	parent, err := s.parent(ctx, id, d)
	if err != nil {
		return Commit{}, err
	}
	if err := s.check(ctx, id, parent, d.Changes); err != nil {
		return Commit{}, err
	}
	if _, err := s.git(ctx, s.Path(id), d.stream(parent), "fast-import", "--quiet", "--force"); err != nil {
		return Commit{}, err
	}
	return s.Commit(ctx, id, d.Branch)
}

// parent is the commit that a draft stands on; none in an empty repository.
func (s *Store) parent(ctx context.Context, id int64, d Draft) (string, error) {
	head, err := s.Commit(ctx, id, d.Branch)
	switch {
	case err == nil && d.Start != "" && d.Start != d.Branch && !d.Force:
		return "", refuse("A branch called '%s' already exists. Switch to that branch in order to make changes", d.Branch)
	case err == nil && (d.Start == "" || d.Start == d.Branch):
		return head.SHA, nil
	case err != nil && !errors.Is(err, ErrNotFound):
		return "", err
	case d.Start == "" || d.Start == d.Branch:
		branches, err := s.Branches(ctx, id)
		if err == nil && len(branches) > 0 {
			err = refuse("You can only create or edit files when you are on a branch")
		}
		return "", err
	}
	start, err := s.Commit(ctx, id, d.Start)
	if errors.Is(err, ErrNotFound) {
		return "", refuse("Invalid reference name: %s", d.Start)
	}
	return start.SHA, err
}

// check holds changes to what is there: created files are new, others are not.
func (s *Store) check(ctx context.Context, id int64, parent string, changes []Change) error {
	if len(changes) == 0 {
		return nil
	}
	names := make([]string, len(changes))
	for i, c := range changes {
		at := c.Path
		if c.Action == Move {
			at = c.From
		}
		clean, err := cleanPath(at)
		if err != nil {
			return refuse("A file path is invalid: %s", at)
		}
		names[i] = parent + ":" + clean
	}
	there := make([]object, len(changes))
	if parent != "" {
		var err error
		if there, err = s.objects(ctx, id, names...); err != nil {
			return err
		}
	}
	for i, c := range changes {
		switch exists := there[i].kind == "blob"; {
		case c.Action == Create && exists:
			return refuse("A file with this name already exists")
		case c.Action != Create && !exists:
			return refuse("A file with this name doesn't exist")
		}
	}
	return nil
}

// stream is the draft in the words of git fast-import.
func (d Draft) stream(parent string) []byte {
	var b bytes.Buffer
	who := fmt.Sprintf("%s <%s> %d +0000", clean(d.Name), clean(d.Email), d.At.Unix())
	fmt.Fprintf(&b, "commit refs/heads/%s\nauthor %s\ncommitter %s\ndata %d\n%s\n", d.Branch, who, who, len(d.Message), d.Message)
	if parent != "" {
		fmt.Fprintf(&b, "from %s\n", parent)
	}
	for _, c := range d.Changes {
		mode := "100644"
		if c.Executable {
			mode = "100755"
		}
		switch c.Action {
		case Delete:
			fmt.Fprintf(&b, "D %s\n", quote(c.Path))
			continue
		case Move:
			fmt.Fprintf(&b, "R %s %s\n", quote(c.From), quote(c.Path))
			if c.KeepBody {
				continue
			}
		}
		fmt.Fprintf(&b, "M %s inline %s\ndata %d\n", mode, quote(c.Path), len(c.Body))
		b.Write(c.Body)
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// clean takes out of a name what would end it early.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("<>\n\x00", r) {
			return -1
		}
		return r
	}, s)
}

// quote writes a path as git does.
func quote(name string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(name) + `"`
}

// validBranch follows git check-ref-format in what it refuses.
func validBranch(name string) bool {
	if name == "" || len(name) > 255 || strings.HasPrefix(name, "-") || strings.HasPrefix(name, "/") ||
		strings.HasSuffix(name, "/") || strings.HasSuffix(name, ".") || strings.HasSuffix(name, ".lock") || name == "@" {
		return false
	}
	for _, bad := range []string{"..", "//", "@{", "/."} {
		if strings.Contains(name, bad) {
			return false
		}
	}
	return !strings.HasPrefix(name, ".") && strings.IndexFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`~^:?*[\`, r) }) < 0
}

// CreateBranch lets a new branch begin at a ref.
func (s *Store) CreateBranch(ctx context.Context, id int64, name, ref string) (Commit, error) {
	if !validBranch(name) {
		return Commit{}, refuse("Branch name is invalid")
	}
	at, err := s.Commit(ctx, id, ref)
	if errors.Is(err, ErrNotFound) {
		return Commit{}, refuse("Invalid reference name: %s", ref)
	}
	if err != nil {
		return Commit{}, err
	}
	lock := s.lock(id)
	lock.Lock()
	defer lock.Unlock()
	found, err := s.objects(ctx, id, "refs/heads/"+name)
	if err == nil && found[0].sha != "" {
		err = refuse("Branch already exists")
	}
	if err == nil {
		_, err = s.git(ctx, s.Path(id), nil, "update-ref", "refs/heads/"+name, at.SHA)
	}
	return at, err
}

// DeleteBranch removes a branch; its commits stay until git collects them.
func (s *Store) DeleteBranch(ctx context.Context, id int64, name string) error {
	if !validBranch(name) {
		return fmt.Errorf("branch %s: %w", name, ErrNotFound)
	}
	if _, err := s.Commit(ctx, id, name); err != nil {
		return err
	}
	_, err := s.git(ctx, s.Path(id), nil, "update-ref", "-d", "refs/heads/"+name)
	return err
}
