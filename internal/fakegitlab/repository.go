package fakegitlab

import (
	"encoding/base64"
	"errors"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/duolog/duolog/internal/fakegitlab/gitrepo"
	"github.com/duolog/duolog/internal/fakegitlab/instance"
)

func repositoryRoutes() []route {
	at := api + "/projects/{id}/repository"
	return []route{
		{pattern: "GET " + at + "/branches", handle: listBranches, git: true},
		{pattern: "POST " + at + "/branches", handle: createBranch, git: true},
		{pattern: "GET " + at + "/branches/{branch}", handle: getBranch, git: true},
		{pattern: "DELETE " + at + "/branches/{branch}", handle: deleteBranch, git: true},
		{pattern: "GET " + at + "/commits", handle: listCommits, git: true},
		{pattern: "POST " + at + "/commits", handle: createCommit, git: true},
		{pattern: "GET " + at + "/commits/{sha}", handle: getCommit, git: true},
		{pattern: "GET " + at + "/files/{path}", handle: getFile, git: true},
		{pattern: "GET " + at + "/files/{path}/raw", handle: getRawFile, git: true},
		{pattern: "POST " + at + "/files/{path}", handle: changeFile(gitrepo.Create), git: true},
		{pattern: "PUT " + at + "/files/{path}", handle: changeFile(gitrepo.Update), git: true},
		{pattern: "DELETE " + at + "/files/{path}", handle: changeFile(gitrepo.Delete), git: true},
	}
}

// repository is the project of the path, for handlers that run git.
func (c *call) repository(need int) (p instance.Project, err error) {
	err = c.locked(func() error {
		found, err := c.project(need)
		if err == nil {
			p = *found
		}
		return err
	})
	return p, err
}

type commitWire struct {
	ID             string    `json:"id"`
	ShortID        string    `json:"short_id"`
	CreatedAt      time.Time `json:"created_at"`
	ParentIDs      []string  `json:"parent_ids"`
	Title          string    `json:"title"`
	Message        string    `json:"message"`
	AuthorName     string    `json:"author_name"`
	AuthorEmail    string    `json:"author_email"`
	AuthoredDate   time.Time `json:"authored_date"`
	CommitterName  string    `json:"committer_name"`
	CommitterEmail string    `json:"committer_email"`
	CommittedDate  time.Time `json:"committed_date"`
	ProjectID      int64     `json:"project_id"`
	WebURL         string    `json:"web_url"`
}

func (s *Server) commitWire(p instance.Project) func(gitrepo.Commit) commitWire {
	return func(g gitrepo.Commit) commitWire {
		return commitWire{
			ID: g.SHA, ShortID: g.SHA[:8], CreatedAt: g.CommittedAt, ParentIDs: append([]string{}, g.Parents...), Title: g.Title(), Message: g.Message,
			AuthorName: g.AuthorName, AuthorEmail: g.AuthorEmail, AuthoredDate: g.AuthoredAt, CommitterName: g.CommitterName,
			CommitterEmail: g.CommitterEmail, CommittedDate: g.CommittedAt, ProjectID: p.ID, WebURL: s.url + "/" + p.FullPath + "/-/commit/" + g.SHA,
		}
	}
}

type branchWire struct {
	Name    string     `json:"name"`
	Default bool       `json:"default"`
	CanPush bool       `json:"can_push"`
	WebURL  string     `json:"web_url"`
	Commit  commitWire `json:"commit"`
}

func (s *Server) branchWire(p instance.Project, name string, head gitrepo.Commit) branchWire {
	return branchWire{Name: name, Default: name == p.DefaultBranch, CanPush: true, WebURL: s.url + "/" + p.FullPath + "/-/tree/" + name, Commit: s.commitWire(p)(head)}
}

// missing turns git's answer into GitLab's.
func missing(err error, what string) error {
	var refused *gitrepo.RefusedError
	switch {
	case errors.Is(err, gitrepo.ErrNotFound):
		return notFound(what)
	case errors.As(err, &refused):
		return refuse(http.StatusBadRequest, refused.Reason)
	}
	return err
}

func listBranches(c *call) (any, error) {
	p, err := c.repository(instance.Reporter)
	if err != nil {
		return nil, err
	}
	names, err := c.s.repos.Branches(c.Context(), p.ID)
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !strings.Contains(name, strings.Trim(c.str("search"), "^$")) })
	out := []branchWire{}
	for _, name := range page(c, names) {
		head, err := c.s.repos.Commit(c.Context(), p.ID, name)
		if err != nil {
			continue // deleted since
		}
		out = append(out, c.s.branchWire(p, name, head))
	}
	return out, nil
}

func getBranch(c *call) (any, error) {
	p, err := c.repository(instance.Reporter)
	if err != nil {
		return nil, err
	}
	head, err := c.s.repos.Commit(c.Context(), p.ID, c.PathValue("branch"))
	if err != nil {
		return nil, missing(err, "Branch")
	}
	return c.s.branchWire(p, c.PathValue("branch"), head), nil
}

func createBranch(c *call) (any, error) {
	p, err := c.repository(instance.Developer)
	if err != nil {
		return nil, err
	}
	name, err := c.need("branch")
	if err != nil {
		return nil, err
	}
	ref, err := c.need("ref")
	if err != nil {
		return nil, err
	}
	head, err := c.s.repos.CreateBranch(c.Context(), p.ID, name, ref)
	if err != nil {
		return nil, missing(err, "Branch")
	}
	c.created()
	return c.s.branchWire(p, name, head), nil
}

func deleteBranch(c *call) (any, error) {
	p, err := c.repository(instance.Developer)
	if err != nil {
		return nil, err
	}
	if c.PathValue("branch") == p.DefaultBranch {
		return nil, refuse(http.StatusForbidden, "403 Forbidden - Cannot remove HEAD branch")
	}
	return nil, missing(c.s.repos.DeleteBranch(c.Context(), p.ID, c.PathValue("branch")), "Branch")
}

func listCommits(c *call) (any, error) {
	p, err := c.repository(instance.Reporter)
	if err != nil {
		return nil, err
	}
	const most = 1000
	ref := c.str("ref_name")
	if ref == "" {
		ref = p.DefaultBranch
	}
	log, err := c.s.repos.Log(c.Context(), p.ID, ref, most)
	if err != nil {
		return nil, missing(err, "Commit")
	}
	return wires(page(c, log), c.s.commitWire(p)), nil
}

func getCommit(c *call) (any, error) {
	p, err := c.repository(instance.Reporter)
	if err != nil {
		return nil, err
	}
	found, err := c.s.repos.Commit(c.Context(), p.ID, c.PathValue("sha"))
	if err != nil {
		return nil, missing(err, "Commit")
	}
	return c.s.commitWire(p)(found), nil
}

// action is one of a commit's actions as it comes.
type action struct {
	Action       string  `json:"action"`
	FilePath     string  `json:"file_path"`
	PreviousPath string  `json:"previous_path"`
	Content      *string `json:"content"`
	Encoding     string  `json:"encoding"`
	Executable   bool    `json:"execute_filemode"`
}

func (a action) change() (gitrepo.Change, error) {
	known := []string{gitrepo.Create, gitrepo.Update, gitrepo.Delete, gitrepo.Move}
	if !slices.Contains(known, a.Action) {
		return gitrepo.Change{}, &refusal{http.StatusBadRequest, map[string]any{"error": "actions[0][action] does not have a valid value"}}
	}
	out := gitrepo.Change{Action: a.Action, Path: a.FilePath, From: a.PreviousPath, KeepBody: a.Content == nil, Executable: a.Executable}
	if a.Content == nil {
		return out, nil
	}
	out.Body = []byte(*a.Content)
	if a.Encoding == "base64" {
		body, err := base64.StdEncoding.DecodeString(*a.Content)
		if err != nil {
			return out, refuse(http.StatusBadRequest, "content is not valid base64")
		}
		out.Body = body
	}
	return out, nil
}

func createCommit(c *call) (any, error) {
	p, err := c.repository(instance.Developer)
	if err != nil {
		return nil, err
	}
	var actions []action
	if err := c.into("actions", &actions); err != nil {
		return nil, err
	}
	made, err := c.commit(p, actions)
	if err != nil {
		return nil, err
	}
	c.created()
	return c.s.commitWire(p)(made), nil
}

// commit makes a commit from the call's parameters, as whom they say or the
// caller, and starts the pipeline of a push.
func (c *call) commit(p instance.Project, actions []action) (gitrepo.Commit, error) {
	branch, err := c.need("branch")
	if err != nil {
		return gitrepo.Commit{}, err
	}
	message, err := c.need("commit_message")
	if err != nil {
		return gitrepo.Commit{}, err
	}
	d := gitrepo.Draft{
		Branch: branch, Start: c.str("start_branch"), Force: c.flag("force", false), Message: message,
		Name: c.actor.user.Name, Email: c.actor.user.Email, At: c.now,
	}
	if sha := c.str("start_sha"); sha != "" {
		d.Start = sha
	}
	if name := c.str("author_name"); name != "" {
		d.Name = name
	}
	if email := c.str("author_email"); email != "" {
		d.Email = email
	}
	for _, a := range actions {
		change, err := a.change()
		if err != nil {
			return gitrepo.Commit{}, err
		}
		d.Changes = append(d.Changes, change)
	}
	made, err := c.s.repos.Write(c.Context(), p.ID, d)
	if err != nil {
		return gitrepo.Commit{}, missing(err, "Commit")
	}
	return made, c.s.pushed(c.Context(), p.ID, branch, made, c.actor.user.ID)
}

func changeFile(kind string) handle {
	return func(c *call) (any, error) {
		p, err := c.repository(instance.Developer)
		if err != nil {
			return nil, err
		}
		content := c.str("content")
		made, err := c.commit(p, []action{{Action: kind, FilePath: c.PathValue("path"), Content: &content, Encoding: c.str("encoding"), Executable: c.flag("execute_filemode", false)}})
		if err != nil || kind == gitrepo.Delete {
			return nil, err
		}
		if kind == gitrepo.Create {
			c.created()
		}
		return map[string]string{"file_path": c.PathValue("path"), "branch": c.str("branch"), "commit_id": made.SHA}, nil
	}
}

func (c *call) file() (instance.Project, gitrepo.File, error) {
	p, err := c.repository(instance.Reporter)
	if err != nil {
		return p, gitrepo.File{}, err
	}
	ref := c.str("ref")
	if ref == "" || ref == "HEAD" {
		ref = p.DefaultBranch
	}
	f, err := c.s.repos.File(c.Context(), p.ID, ref, c.PathValue("path"))
	return p, f, missing(err, "File")
}

func getFile(c *call) (any, error) {
	_, f, err := c.file()
	if err != nil {
		return nil, err
	}
	name := c.PathValue("path")
	return map[string]any{
		"file_name": path.Base(name), "file_path": name, "size": len(f.Body), "encoding": "base64", "content": base64.StdEncoding.EncodeToString(f.Body),
		"ref": c.str("ref"), "blob_id": f.BlobID, "commit_id": f.Commit.SHA, "last_commit_id": f.Commit.SHA,
	}, nil
}

func getRawFile(c *call) (any, error) {
	_, f, err := c.file()
	if err != nil {
		return nil, err
	}
	return raw(f.Body), nil
}
