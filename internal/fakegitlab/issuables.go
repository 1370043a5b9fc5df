package fakegitlab

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/duolog/duolog/internal/fakegitlab/gitrepo"
	"github.com/duolog/duolog/internal/fakegitlab/instance"
)

// talkRoutes are issues and merge requests, and what is said about them.
func talkRoutes() []route {
	all := []route{
		{pattern: "POST " + api + "/projects/{id}/issues", handle: createIssue},
		{pattern: "POST " + api + "/projects/{id}/merge_requests", handle: createMergeRequest, git: true},
	}
	for _, kind := range []string{instance.NoteableIssue, instance.NoteableMerge} {
		list := api + "/projects/{id}/" + plural(kind)
		one := list + "/{iid}"
		all = append(
			all,
			route{pattern: "GET " + list, handle: listIssuables(kind)},
			route{pattern: "GET " + one, handle: getIssuable(kind)},
			route{pattern: "PUT " + one, handle: editIssuable(kind)},
			route{pattern: "GET " + one + "/notes", handle: listNotes(kind)},
			route{pattern: "POST " + one + "/notes", handle: createNote(kind)},
			route{pattern: "GET " + one + "/notes/{note}", handle: getNote(kind)},
			route{pattern: "PUT " + one + "/notes/{note}", handle: editNote(kind)},
			route{pattern: "DELETE " + one + "/notes/{note}", handle: deleteNote(kind)},
			route{pattern: "GET " + one + "/discussions", handle: listDiscussions(kind)},
			route{pattern: "POST " + one + "/discussions", handle: createDiscussion(kind)},
			route{pattern: "GET " + one + "/discussions/{discussion}", handle: getDiscussion(kind)},
			route{pattern: "POST " + one + "/discussions/{discussion}/notes", handle: replyTo(kind)},
			route{pattern: "PUT " + one + "/discussions/{discussion}/notes/{note}", handle: editNote(kind)},
			route{pattern: "DELETE " + one + "/discussions/{discussion}/notes/{note}", handle: deleteNote(kind)},
			route{pattern: "GET " + one + "/award_emoji", handle: listAwards(kind)},
			route{pattern: "POST " + one + "/award_emoji", handle: createAward(kind)},
			route{pattern: "DELETE " + one + "/award_emoji/{award}", handle: deleteAward(kind)},
			route{pattern: "GET " + one + "/notes/{note}/award_emoji", handle: listAwards(kind)},
			route{pattern: "POST " + one + "/notes/{note}/award_emoji", handle: createAward(kind)},
			route{pattern: "DELETE " + one + "/notes/{note}/award_emoji/{award}", handle: deleteAward(kind)},
		)
	}
	return all
}

func plural(kind string) string {
	if kind == instance.NoteableIssue {
		return "issues"
	}
	return "merge_requests"
}

// readsTalk is the level that reads issues or merge requests of private projects.
func readsTalk(kind string) int {
	if kind == instance.NoteableIssue {
		return instance.Guest
	}
	return instance.Reporter
}

type issuableWire struct {
	ID            int64          `json:"id"`
	IID           int64          `json:"iid"`
	ProjectID     int64          `json:"project_id"`
	Title         string         `json:"title"`
	Description   string         `json:"description"`
	State         string         `json:"state"`
	CreatedAt     time.Time      `json:"created_at"`
	UpdatedAt     time.Time      `json:"updated_at"`
	Author        *basicUser     `json:"author"`
	Labels        []string       `json:"labels"`
	WebURL        string         `json:"web_url"`
	References    map[string]any `json:"references"`
	Notes         int            `json:"user_notes_count"`
	SourceBranch  string         `json:"source_branch,omitempty"`
	TargetBranch  string         `json:"target_branch,omitempty"`
	SourceProject int64          `json:"source_project_id,omitempty"`
	TargetProject int64          `json:"target_project_id,omitempty"`
	SHA           string         `json:"sha,omitempty"`
}

func (s *Server) issuableWire(kind string) func(*instance.Issuable) issuableWire {
	return func(i *instance.Issuable) issuableWire {
		mark := "#"
		out := issuableWire{
			ID: i.ID, IID: i.IID, ProjectID: i.Project, Title: i.Title, Description: i.Description, State: i.State, CreatedAt: i.CreatedAt, UpdatedAt: i.UpdatedAt,
			Author: s.basicUser(s.user(i.Author)), Labels: []string{}, WebURL: s.issuableURL(kind, i), Notes: len(s.state.NotesOf(kind, i.ID)),
		}
		if kind == instance.NoteableMerge {
			mark = "!"
			out.SourceBranch, out.TargetBranch, out.SHA = i.SourceBranch, i.TargetBranch, i.SHA
			out.SourceProject, out.TargetProject = i.Project, i.Project
		}
		short := mark + number(i.IID)
		out.References = map[string]any{"short": short, "relative": short, "full": s.state.Projects[i.Project].FullPath + short}
		return out
	}
}

func (s *Server) issuableURL(kind string, i *instance.Issuable) string {
	return s.projectURL(i.Project) + "/-/" + plural(kind) + "/" + number(i.IID)
}

// issuable is the issue or merge request of the path, for someone with a level.
func (c *call) issuable(kind string) (*instance.Issuable, error) {
	p, err := c.project(readsTalk(kind))
	if err != nil {
		return nil, err
	}
	for _, i := range c.s.state.Issuables(kind) {
		if i.Project == p.ID && i.IID == c.id("iid") {
			return i, nil
		}
	}
	return nil, refuse(http.StatusNotFound, "404 Not found")
}

func listIssuables(kind string) handle {
	return func(c *call) (any, error) {
		p, err := c.project(readsTalk(kind))
		if err != nil {
			return nil, err
		}
		found := []*instance.Issuable{}
		for _, i := range instance.Sorted(c.s.state.Issuables(kind)) {
			if i.Project == p.ID && (c.str("state") == "" || c.str("state") == "all" || c.str("state") == i.State) && c.fromBranch(i) {
				found = append(found, i)
			}
		}
		slices.Reverse(found)
		return wires(page(c, found), c.s.issuableWire(kind)), nil
	}
}

func (c *call) fromBranch(i *instance.Issuable) bool {
	return !c.has("source_branch") || c.str("source_branch") == i.SourceBranch
}

func getIssuable(kind string) handle {
	return func(c *call) (any, error) {
		i, err := c.issuable(kind)
		if err != nil {
			return nil, err
		}
		return c.s.issuableWire(kind)(i), nil
	}
}

func editIssuable(kind string) handle {
	return func(c *call) (any, error) {
		i, err := c.issuable(kind)
		if err != nil {
			return nil, err
		}
		if _, err := c.project(instance.Reporter); err != nil {
			return nil, err
		}
		for name, to := range map[string]*string{"title": &i.Title, "description": &i.Description} {
			if c.has(name) {
				*to = c.str(name)
			}
		}
		switch c.str("state_event") {
		case "close":
			i.State = "closed"
		case "reopen":
			i.State = "opened"
		}
		i.UpdatedAt = c.now
		return c.s.issuableWire(kind)(i), nil
	}
}

func createIssue(c *call) (any, error) {
	p, err := c.project(instance.Guest)
	if err != nil {
		return nil, err
	}
	title, err := c.need("title")
	if err != nil {
		return nil, err
	}
	i := &instance.Issuable{
		ID: c.s.state.Next("issue"), IID: c.s.state.Next("issue of " + number(p.ID)), Project: p.ID, Title: title, Description: c.str("description"),
		State: "opened", Author: c.actor.user.ID, CreatedAt: c.now, UpdatedAt: c.now,
	}
	c.s.state.Issues[i.ID] = i
	c.created()
	return c.s.issuableWire(instance.NoteableIssue)(i), nil
}

func createMergeRequest(c *call) (any, error) {
	p, err := c.repository(instance.Developer)
	if err != nil {
		return nil, err
	}
	i := &instance.Issuable{Project: p.ID, State: "opened", Author: c.actor.user.ID, Description: c.str("description"), CreatedAt: c.now, UpdatedAt: c.now}
	for name, to := range map[string]*string{"title": &i.Title, "source_branch": &i.SourceBranch, "target_branch": &i.TargetBranch} {
		if *to, err = c.need(name); err != nil {
			return nil, err
		}
	}
	for _, branch := range []string{i.TargetBranch, i.SourceBranch} {
		head, err := c.s.repos.Commit(c.Context(), p.ID, branch)
		if errors.Is(err, gitrepo.ErrNotFound) {
			return nil, refuse(http.StatusBadRequest, []string{"Branch " + branch + " does not exist"})
		}
		if err != nil {
			return nil, err
		}
		i.SHA = head.SHA
	}
	var out any
	err = c.locked(func() error {
		for _, other := range c.s.state.MergeRequests {
			if other.Project == p.ID && other.State == "opened" && other.SourceBranch == i.SourceBranch && other.TargetBranch == i.TargetBranch {
				return refuse(http.StatusConflict, []string{"Another open merge request already exists for this source branch: !" + number(other.IID)})
			}
		}
		i.ID, i.IID = c.s.state.Next("merge request"), c.s.state.Next("merge request of "+number(p.ID))
		c.s.state.MergeRequests[i.ID] = i
		c.s.touched()
		out = c.s.issuableWire(instance.NoteableMerge)(i)
		return nil
	})
	c.created()
	return out, err
}
