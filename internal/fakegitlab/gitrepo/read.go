package gitrepo

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Commit is one commit.
type Commit struct {
	SHA                     string
	Parents                 []string
	AuthorName, AuthorEmail string
	CommitterName           string
	CommitterEmail          string
	AuthoredAt, CommittedAt time.Time
	Message                 string
}

// Title is the first line of its message.
func (c Commit) Title() string {
	line, _, _ := strings.Cut(c.Message, "\n")
	return line
}

// object is one answer of git cat-file --batch.
type object struct {
	sha, kind string
	body      []byte
}

// objects looks several names up at once; a missing one has no sha.
func (s *Store) objects(ctx context.Context, id int64, names ...string) ([]object, error) {
	for _, name := range names {
		if strings.ContainsAny(name, "\n\x00") {
			return nil, fmt.Errorf("name %q: %w", name, ErrNotFound)
		}
	}
	out, err := s.git(ctx, s.Path(id), []byte(strings.Join(names, "\n")+"\n"), "cat-file", "--batch")
	if err != nil {
		return nil, err
	}
	found := make([]object, 0, len(names))
	for range names {
		head, rest, _ := bytes.Cut(out, []byte("\n"))
		fields := strings.Fields(string(head))
		if len(fields) != 3 || !hexadecimal(fields[0]) {
			found, out = append(found, object{}), rest // "… missing"
			continue
		}
		size, err := strconv.Atoi(fields[2])
		if err != nil || size+1 > len(rest) {
			return nil, fmt.Errorf("git cat-file said %q", head)
		}
		found = append(found, object{sha: fields[0], kind: fields[1], body: rest[:size]})
		out = rest[size+1:]
	}
	return found, nil
}

func hexadecimal(s string) bool {
	return len(s) >= 40 && strings.Trim(s, "0123456789abcdef") == ""
}

// revisions are what a ref may mean, as GitLab looks for it: a branch, a tag, a
// commit.
func revisions(ref string) []string {
	if hexadecimal(ref) {
		return []string{ref + "^{commit}"}
	}
	return []string{"refs/heads/" + ref + "^{commit}", "refs/tags/" + ref + "^{commit}"}
}

// Commit finds the commit that a branch, a tag or a hash means.
func (s *Store) Commit(ctx context.Context, id int64, ref string) (Commit, error) {
	found, err := s.objects(ctx, id, revisions(ref)...)
	if err != nil {
		return Commit{}, err
	}
	for _, o := range found {
		if o.sha != "" {
			return parseCommit(o), nil
		}
	}
	return Commit{}, fmt.Errorf("ref %s: %w", ref, ErrNotFound)
}

// File is a file in a commit.
type File struct {
	Commit Commit
	BlobID string
	Body   []byte
}

// File reads a file of the commit that ref means.
func (s *Store) File(ctx context.Context, id int64, ref, name string) (File, error) {
	clean, err := cleanPath(name)
	if err != nil {
		return File{}, err
	}
	var names []string
	for _, revision := range revisions(ref) {
		names = append(names, revision, strings.TrimSuffix(revision, "^{commit}")+":"+clean)
	}
	found, err := s.objects(ctx, id, names...)
	if err != nil {
		return File{}, err
	}
	for i := 0; i < len(found); i += 2 {
		commit, file := found[i], found[i+1]
		switch {
		case commit.sha == "":
		case file.kind != "blob":
			return File{Commit: parseCommit(commit)}, fmt.Errorf("file %s at %s: %w", name, ref, ErrNotFound)
		default:
			return File{Commit: parseCommit(commit), BlobID: file.sha, Body: file.body}, nil
		}
	}
	return File{}, fmt.Errorf("ref %s: %w", ref, ErrNotFound)
}

// cleanPath refuses names that no file of a repository has.
func cleanPath(name string) (string, error) {
	clean := path.Clean(name)
	if clean == "." || path.IsAbs(clean) || strings.HasPrefix(clean, "../") || clean == ".." || strings.Contains(clean, "\n") {
		return "", fmt.Errorf("file name %q: %w", name, ErrNotFound)
	}
	return clean, nil
}

// Branches lists the branches by name.
func (s *Store) Branches(ctx context.Context, id int64) ([]string, error) {
	heads, err := s.heads(ctx, id)
	return slices.Sorted(maps.Keys(heads)), err
}

// Log lists at most n commits of a ref, the newest first.
func (s *Store) Log(ctx context.Context, id int64, ref string, n int) ([]Commit, error) {
	head, err := s.Commit(ctx, id, ref)
	if err != nil {
		return nil, err
	}
	out, err := s.git(ctx, s.Path(id), nil, "rev-list", "--max-count="+strconv.Itoa(n), head.SHA)
	if err != nil {
		return nil, err
	}
	found, err := s.objects(ctx, id, strings.Fields(string(out))...)
	if err != nil {
		return nil, err
	}
	log := make([]Commit, len(found))
	for i, o := range found {
		log[i] = parseCommit(o)
	}
	return log, nil
}

// parseCommit reads git's own form of a commit.
func parseCommit(o object) Commit {
	c := Commit{SHA: o.sha}
	head, message, _ := strings.Cut(string(o.body), "\n\n")
	c.Message = message
	for line := range strings.Lines(head) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch key {
		case "parent":
			c.Parents = append(c.Parents, value)
		case "author":
			c.AuthorName, c.AuthorEmail, c.AuthoredAt = signature(value)
		case "committer":
			c.CommitterName, c.CommitterEmail, c.CommittedAt = signature(value)
		}
	}
	return c
}

// signature reads "Name <mail> 1700000000 +0000".
func signature(s string) (name, email string, at time.Time) {
	name, rest, _ := strings.Cut(s, " <")
	email, when, _ := strings.Cut(rest, "> ")
	seconds, _, _ := strings.Cut(when, " ")
	if unix, err := strconv.ParseInt(seconds, 10, 64); err == nil {
		at = time.Unix(unix, 0).UTC()
	}
	return name, email, at
}
