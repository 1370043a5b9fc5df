package agent

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

// commit is one commit in the words people use.
type commit struct {
	Hash    string `json:"hash"`
	Author  string `json:"author"`
	Date    string `json:"date"`
	Subject string `json:"subject"`
}

// count is a name and how often it occurs; lists of counts are sorted, the
// largest first.
type count struct {
	Name string `json:"name"`
	N    int    `json:"n"`
}

// logFacts sum up a stretch of history.
type logFacts struct {
	Commits int      `json:"commits"`
	Latest  []commit `json:"latest"`
	People  int      `json:"people"`
	Authors []count  `json:"authors"`
	Files   int      `json:"files"`
	Folders []count  `json:"folders"`
	Added   int      `json:"added"`
	Removed int      `json:"removed"`
	// Path is what was really looked at.
	Path string `json:"path,omitempty"`
}

type authorFacts struct {
	Commits int     `json:"commits"`
	Authors []count `json:"authors"`
}

type statusFacts struct {
	Branch  string `json:"branch"`
	Changed int    `json:"changed"`
}

// log looks at the last n commits, of one path where one is named.
func (r *repo) log(ctx context.Context, n int, name string) (finding, string, error) {
	where, folder, err := r.resolve(name)
	if err != nil && name != "" {
		// The path may have existed once: history knows what the tree forgot.
		where = path.Clean("/" + name)[1:]
	}
	if _, err := r.git(ctx, "rev-parse", "--verify", "--quiet", "HEAD"); err != nil {
		return finding{Log: &logFacts{Path: where}}, "no commits yet", nil //nolint:nilerr // no HEAD is an answer: nothing was committed
	}
	args := []string{
		"log", "-n", strconv.Itoa(n), "--numstat", "--no-renames", "--no-ext-diff", "--no-textconv",
		"--format=%x1e%h%x1f%an%x1f%aI%x1f%s", "HEAD", "--",
	}
	if where != "" {
		args = append(args, where)
	}
	out, err := r.git(ctx, args...)
	if err != nil {
		return finding{}, "", err
	}
	facts, text := readLog(out)
	facts.Path = where
	if folder && where != "" {
		facts.Path += "/"
	}
	return finding{Log: facts}, text, nil
}

func readLog(out string) (*logFacts, string) {
	facts := &logFacts{}
	authors, files := map[string]int{}, map[string]bool{}
	var text strings.Builder
	for record := range strings.SplitSeq(out, "\x1e") {
		head, stat, _ := strings.Cut(record, "\n")
		fields := strings.SplitN(head, "\x1f", 4)
		if len(fields) < 4 {
			continue
		}
		c := commit{Hash: fields[0], Author: fields[1], Date: fields[2], Subject: clip(fields[3], 120)}
		facts.Commits++
		authors[c.Author]++
		if len(facts.Latest) < 5 {
			facts.Latest = append(facts.Latest, c)
		}
		fmt.Fprintf(&text, "%s %s %s: %s\n", c.Hash, c.Date, c.Author, c.Subject)
		facts.readStat(stat, files, &text)
	}
	folders := map[string]int{}
	for file := range files {
		folders[topFolder(file)]++
	}
	facts.Files, facts.Folders = len(files), counts(folders, 5)
	facts.People, facts.Authors = len(authors), counts(authors, 10)
	return facts, text.String()
}

// readStat reads lines "added TAB removed TAB path"; binary files have "-".
func (f *logFacts) readStat(stat string, files map[string]bool, text *strings.Builder) {
	for line := range strings.SplitSeq(stat, "\n") {
		fields := strings.SplitN(line, "\t", 3)
		if len(fields) < 3 {
			continue
		}
		added, _ := strconv.Atoi(fields[0])
		removed, _ := strconv.Atoi(fields[1])
		f.Added += added
		f.Removed += removed
		files[fields[2]] = true
		fmt.Fprintf(text, "  +%s -%s %s\n", fields[0], fields[1], fields[2])
	}
}

func (r *repo) authors(ctx context.Context) (finding, string, error) {
	out, err := r.git(ctx, "shortlog", "-s", "-n", "HEAD", "--")
	if err != nil {
		return finding{}, "", err
	}
	facts := &authorFacts{}
	for line := range strings.SplitSeq(out, "\n") {
		number, name, ok := strings.Cut(strings.TrimSpace(line), "\t")
		n, err := strconv.Atoi(number)
		if ok && err == nil {
			facts.Authors = append(facts.Authors, count{name, n})
			facts.Commits += n
		}
	}
	return finding{Authors: facts}, out, nil
}

func (r *repo) status(ctx context.Context) (finding, string, error) {
	out, err := r.git(ctx, "status", "--porcelain=v1", "--branch", "--ignore-submodules=all")
	if err != nil {
		return finding{}, "", err
	}
	head, rest, _ := strings.Cut(out, "\n")
	branch, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(head, "## "), "No commits yet on "), "...")
	return finding{Status: &statusFacts{Branch: branch, Changed: strings.Count(rest, "\n")}}, out, nil
}

func topFolder(file string) string {
	if top, _, ok := strings.Cut(file, "/"); ok {
		return top + "/"
	}
	return "the top folder"
}

// counts are the largest few, ties by name.
func counts(of map[string]int, few int) []count {
	list := make([]count, 0, len(of))
	for name, n := range of {
		list = append(list, count{name, n})
	}
	slices.SortFunc(list, func(a, b count) int {
		if a.N != b.N {
			return b.N - a.N
		}
		return strings.Compare(a.Name, b.Name)
	})
	return list[:min(few, len(list))]
}
