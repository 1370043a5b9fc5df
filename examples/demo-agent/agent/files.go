package agent

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// maxFile bounds what is read of one file.
const maxFile = 1 << 20

// fileFacts sum up one file, or a folder.
type fileFacts struct {
	Path   string `json:"path"`
	Folder bool   `json:"folder,omitempty"`
	Binary bool   `json:"binary,omitempty"`
	Bytes  int64  `json:"bytes,omitempty"`
	Lines  int    `json:"lines,omitempty"`
	// Title and Intro are what a text begins with.
	Title    string   `json:"title,omitempty"`
	Intro    string   `json:"intro,omitempty"`
	Headings []string `json:"headings,omitempty"`
	Package  string   `json:"package,omitempty"`
	Names    []string `json:"names,omitempty"`
	// Entries are what stands in a folder.
	Entries []count `json:"entries,omitempty"`
}

type filesFacts struct {
	Files   int     `json:"files"`
	Lines   int     `json:"lines"`
	Endings []count `json:"endings"`
	Folders []count `json:"folders"`
	Path    string  `json:"path,omitempty"`
}

// read looks into one tracked file or folder.
func (r *repo) read(_ context.Context, name string) (finding, string, error) {
	found, folder, err := r.resolve(name)
	if err != nil {
		return finding{}, "", err
	}
	if folder {
		return r.readFolder(found)
	}
	root, err := os.OpenRoot(r.root)
	if err != nil {
		return finding{}, "", fmt.Errorf("open the repository: %w", err)
	}
	defer func() { _ = root.Close() }()
	// A tracked link may point at an untracked file: it is not followed.
	info, err := root.Lstat(found)
	if err != nil {
		return finding{}, "", fmt.Errorf("read %s: %w", found, err)
	}
	if !info.Mode().IsRegular() {
		return finding{}, "", fmt.Errorf("%s is not a regular file, I do not follow it", found)
	}
	f, err := root.Open(found)
	if err != nil {
		return finding{}, "", fmt.Errorf("read %s: %w", found, err)
	}
	defer func() { _ = f.Close() }()
	body, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return finding{}, "", fmt.Errorf("read %s: %w", found, err)
	}
	facts := &fileFacts{Path: found, Bytes: info.Size()}
	if bytes.IndexByte(body[:min(len(body), 8000)], 0) >= 0 {
		facts.Binary = true
		return finding{File: facts}, fmt.Sprintf("binary file, %d bytes", info.Size()), nil
	}
	facts.readText(string(body))
	return finding{File: facts}, string(body), nil
}

func (r *repo) readFolder(folder string) (finding, string, error) {
	entries := map[string]int{}
	for _, file := range r.under(folder) {
		entries[topFolder(inside(file, folder))]++
	}
	var direct []string
	for _, file := range r.under(folder) {
		if rest := inside(file, folder); !strings.Contains(rest, "/") {
			direct = append(direct, rest)
		}
	}
	delete(entries, "the top folder")
	facts := &fileFacts{Path: folder, Folder: true, Entries: counts(entries, 12), Names: direct[:min(12, len(direct))], Lines: len(r.under(folder))}
	return finding{File: facts}, strings.Join(r.under(folder), "\n"), nil
}

func (r *repo) under(folder string) []string {
	if folder == "" {
		return r.files
	}
	var files []string
	for _, file := range r.files {
		if file == folder || strings.HasPrefix(file, folder+"/") {
			files = append(files, file)
		}
	}
	return files
}

func inside(file, folder string) string {
	return strings.TrimPrefix(strings.TrimPrefix(file, folder), "/")
}

// readText finds what a reader would mention.
func (f *fileFacts) readText(body string) {
	f.Lines = strings.Count(body, "\n")
	if body != "" && !strings.HasSuffix(body, "\n") {
		f.Lines++
	}
	switch path.Ext(f.Path) {
	case ".md", ".markdown":
		f.readMarkdown(body)
	case ".go":
		f.readGo(body)
	default:
		f.Intro = clip(firstText(strings.Split(body, "\n")), 200)
	}
}

func (f *fileFacts) readMarkdown(body string) {
	var prose []string
	fenced := false
	for line := range strings.SplitSeq(body, "\n") {
		heading := strings.HasPrefix(line, "#") && !fenced
		switch {
		case strings.HasPrefix(line, "```"):
			fenced = !fenced
		case heading && f.Title == "":
			f.Title = clip(strings.TrimSpace(strings.TrimLeft(line, "#")), 120)
		case heading:
			f.Headings = append(f.Headings, clip(strings.TrimSpace(strings.TrimLeft(line, "#")), 80))
		case !fenced:
			prose = append(prose, line)
		}
	}
	f.Headings = f.Headings[:min(8, len(f.Headings))]
	f.Intro = clip(firstText(prose), 300)
}

func (f *fileFacts) readGo(body string) {
	if m := regexp.MustCompile(`(?m)^package (\w+)`).FindStringSubmatch(body); m != nil {
		f.Package = m[1]
	}
	for _, m := range regexp.MustCompile(`(?m)^(?:func(?: \([^)]*\))?|type) (\w+)`).FindAllStringSubmatch(body, 12) {
		f.Names = append(f.Names, m[1])
	}
	if m := regexp.MustCompile(`(?m)((?:^//.*\n)+)package `).FindStringSubmatch(body); m != nil {
		f.Intro = clip(firstText(strings.Split(strings.ReplaceAll("\n"+m[1], "\n//", "\n"), "\n")), 300)
	}
}

// firstText is the first paragraph.
func firstText(lines []string) string {
	var words []string
	for _, line := range lines {
		line = strings.TrimSpace(line)
		if line == "" && len(words) > 0 {
			break
		}
		if line != "" {
			words = append(words, line)
		}
	}
	return strings.Join(words, " ")
}

// list counts files and lines. Binary files have no lines.
func (r *repo) list(ctx context.Context, name string) (finding, string, error) {
	where, _, err := r.resolve(name)
	if err != nil {
		return finding{}, "", err
	}
	files := r.under(where)
	endings, folders := map[string]int{}, map[string]int{}
	for _, file := range files {
		if ending := path.Ext(file); ending != "" {
			endings[ending]++
		}
		folders[topFolder(inside(file, where))]++
	}
	args := []string{"grep", "-I", "-c", "-z", "--no-textconv", "-e", "", "--"}
	if where != "" {
		args = append(args, where)
	}
	out, err := r.git(ctx, args...)
	if err != nil && exitCode(err) != 1 {
		return finding{}, "", err
	}
	facts := &filesFacts{
		Files: len(files), Lines: sumCounts(out), Path: where,
		Endings: counts(endings, 5), Folders: counts(folders, 5),
	}
	return finding{Files: facts}, strings.Join(files, "\n"), nil
}

// sumCounts adds up what git grep -c -z wrote: "path NUL count" per line.
func sumCounts(out string) int {
	sum := 0
	for line := range strings.SplitSeq(out, "\n") {
		if _, number, ok := strings.Cut(line, "\x00"); ok {
			n, _ := strconv.Atoi(strings.Trim(number, "\x00"))
			sum += n
		}
	}
	return sum
}
