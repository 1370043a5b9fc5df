package fakegitlab_test

import (
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/duolog/duolog/internal/fakegitlab"
)

// TestCommitsFilesAndBranches changes a repository over the API.
func TestCommitsFilesAndBranches(t *testing.T) {
	t.Parallel()
	c := client(t, start(t, nil), devToken)
	id := site(t, c)
	made := must[*gitlab.Commit](t)(c.Commits.CreateCommit(id, &gitlab.CreateCommitOptions{
		Branch: new("work"), StartBranch: new("main"), CommitMessage: new("Two files\n\nand why"), AuthorName: new("Duo"), AuthorEmail: new("duo@example.com"),
		Actions: []*gitlab.CommitActionOptions{
			{Action: new(gitlab.FileCreate), FilePath: new("bin/run me.sh"), Content: new("#!/bin/sh\n"), ExecuteFilemode: new(true)},
			{Action: new(gitlab.FileCreate), FilePath: new("data"), Content: new(base64.StdEncoding.EncodeToString([]byte{0, 1, 2})), Encoding: new("base64")},
			{Action: new(gitlab.FileMove), FilePath: new("docs/README.md"), PreviousPath: new("README.md")},
		},
	}))
	if made.Title != "Two files" || made.AuthorName != "Duo" || len(made.ParentIDs) != 1 {
		t.Errorf("made %+v", made)
	}
	f := must[*gitlab.File](t)(c.RepositoryFiles.GetFile(id, "docs/README.md", &gitlab.GetFileOptions{Ref: new("work")}))
	text, err := base64.StdEncoding.DecodeString(f.Content)
	if err != nil || string(text) != "# Site\n" || f.CommitID != made.ID {
		t.Errorf("file %+v: %q %v", f, text, err)
	}
	data, _, err := c.RepositoryFiles.GetRawFile(id, "data", &gitlab.GetRawFileOptions{Ref: &made.ID})
	if err != nil || string(data) != "\x00\x01\x02" {
		t.Errorf("raw %q %v", data, err)
	}
	if _, r, _ := c.RepositoryFiles.GetFile(id, "README.md", &gitlab.GetFileOptions{Ref: new("work")}); status(r) != 404 {
		t.Errorf("the moved file is at both places: %d", status(r))
	}
	written := must[*gitlab.FileInfo](t)(c.RepositoryFiles.UpdateFile(id, "data", &gitlab.UpdateFileOptions{Branch: new("work"), Content: new("text"), CommitMessage: new("Text")}))
	if written.FilePath != "data" {
		t.Errorf("written %+v", written)
	}
	if log := must[[]*gitlab.Commit](t)(c.Commits.ListCommits(id, &gitlab.ListCommitsOptions{RefName: new("work")})); len(log) != 3 {
		t.Errorf("log %+v", log)
	}
	if b := must[*gitlab.Branch](t)(c.Branches.CreateBranch(id, &gitlab.CreateBranchOptions{Branch: new("more/work"), Ref: new("work")})); b.Commit.Title != "Text" {
		t.Errorf("branch %+v", b)
	}
	if _, err := c.Branches.DeleteBranch(id, "more/work"); err != nil {
		t.Error(err)
	}
	if _, r, _ := c.Branches.GetBranch(id, "more/work"); status(r) != 404 {
		t.Errorf("deleted, and still there: %d", status(r))
	}
}

// TestRefusedCommits: what GitLab refuses changes nothing.
func TestRefusedCommits(t *testing.T) {
	t.Parallel()
	c := client(t, start(t, nil), devToken)
	id := site(t, c)
	one := func(action gitlab.FileActionValue, path string) []*gitlab.CommitActionOptions {
		return []*gitlab.CommitActionOptions{{Action: &action, FilePath: &path, Content: new("x")}}
	}
	for name, o := range map[string]*gitlab.CreateCommitOptions{
		"a file that exists":         {Branch: new("main"), Actions: one(gitlab.FileCreate, "README.md")},
		"a file that does not exist": {Branch: new("main"), Actions: one(gitlab.FileUpdate, "NOTHING")},
		"a path out of it":           {Branch: new("main"), Actions: one(gitlab.FileCreate, "../x")},
		"a branch that is none":      {Branch: new("a..b"), Actions: one(gitlab.FileCreate, "x")},
		"no branch to begin at":      {Branch: new("x"), StartBranch: new("nothing"), Actions: one(gitlab.FileCreate, "x")},
		"an action that is none":     {Branch: new("main"), Actions: one("frobnicate", "x")},
		"a branch that exists":       {Branch: new("main"), StartSHA: new(strings.Repeat("0", 40)), Actions: one(gitlab.FileCreate, "x")},
	} {
		o.CommitMessage = new("Refused")
		if _, r, err := c.Commits.CreateCommit(id, o); status(r) != 400 {
			t.Errorf("%s: %d %v", name, status(r), err)
		}
	}
	if log := must[[]*gitlab.Commit](t)(c.Commits.ListCommits(id, nil)); len(log) != 1 {
		t.Errorf("log %+v", log)
	}
	for name, o := range map[string]*gitlab.CreatePipelineOptions{
		"Reference not found": {Ref: new("nothing")}, "Missing CI config file": {Ref: new("main")},
		"only letters": {Ref: new("main"), Variables: &[]*gitlab.PipelineVariableOptions{{Key: new("../x"), Value: new("")}}},
	} {
		if _, r, err := c.Pipelines.CreatePipeline(id, o); status(r) != 400 || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %d %v", name, status(r), err)
		}
	}
}

// TestPushStartsAPipeline: as in GitLab, a commit over the API and a push both
// start the pipeline that the branch's CI file wants, unless they say not to.
func TestPushStartsAPipeline(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *fakegitlab.Config) { c.Runners = 0 })
	c := client(t, s, devToken)
	id := site(t, c)
	commit(t, c, id, "over-api", "x: {script: [echo]}")
	must[*gitlab.Commit](t)(c.Commits.CreateCommit(id, &gitlab.CreateCommitOptions{
		Branch: new("quiet"), StartBranch: new("over-api"), CommitMessage: new("More [skip ci]"),
		Actions: []*gitlab.CommitActionOptions{{Action: new(gitlab.FileCreate), FilePath: new("more"), Content: new("x")}},
	}))

	dir := t.TempDir()
	address := strings.Replace(s.URL(), "://", "://any:"+devToken+"@", 1) + "/acme/tools/site.git"
	git(t, dir, "clone", "--quiet", "--branch", "quiet", address, "site")
	inside := filepath.Join(dir, "site")
	if err := os.WriteFile(filepath.Join(inside, "pushed"), make([]byte, 3<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	git(t, inside, "add", ".")
	git(t, inside, "-c", "user.name=Dana", "-c", "user.email=dana@example.com", "commit", "--quiet", "-m", "Pushed")
	git(t, inside, "push", "--quiet", "origin", "HEAD:refs/heads/pushed")

	var refs []string
	for _, p := range must[[]*gitlab.PipelineInfo](t)(c.Pipelines.ListProjectPipelines(id, &gitlab.ListProjectPipelinesOptions{Source: new("push")})) {
		refs = append(refs, p.Ref)
	}
	if strings.Join(refs, " ") != "pushed over-api" {
		t.Errorf("pipelines of %v", refs)
	}
	stranger := strings.Replace(address, devToken, "glpat-guy", 1)
	if out, err := gitOutput(dir, "ls-remote", stranger); err == nil {
		t.Errorf("a stranger sees %s", out)
	}
}

func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	if out, err := gitOutput(dir, args...); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

func gitOutput(dir string, args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_NOSYSTEM=1"}
	out, err := cmd.CombinedOutput()
	return string(out), err
}
