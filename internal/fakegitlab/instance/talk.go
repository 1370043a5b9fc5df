package instance

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Kinds of what people talk about, as GitLab names them.
const (
	NoteableIssue = "Issue"
	NoteableMerge = "MergeRequest"
	// NoteableNote is what an award can also be on.
	NoteableNote = "Note"
)

// Issuable is an issue, or a merge request where it has branches.
type Issuable struct {
	ID           int64     `json:"id"`
	IID          int64     `json:"iid"`
	Project      int64     `json:"project"`
	Title        string    `json:"title"`
	Description  string    `json:"description,omitempty"`
	State        string    `json:"state"`
	Author       int64     `json:"author"`
	SourceBranch string    `json:"source_branch,omitempty"`
	TargetBranch string    `json:"target_branch,omitempty"`
	SHA          string    `json:"sha,omitempty"`
	CreatedAt    time.Time `json:"created_at"`
	UpdatedAt    time.Time `json:"updated_at"`
}

// Discussion is a thread of notes.
type Discussion struct {
	ID       string `json:"id"`
	Kind     string `json:"kind"`
	Noteable int64  `json:"noteable"`
	// Single says that it is one note that was no thread when it was written.
	Single bool    `json:"single,omitempty"`
	Notes  []int64 `json:"notes"`
	Order  int64   `json:"order"`
}

// Note is a comment.
type Note struct {
	ID         int64     `json:"id"`
	Project    int64     `json:"project"`
	Kind       string    `json:"kind"`
	Noteable   int64     `json:"noteable"`
	Discussion string    `json:"discussion"`
	Body       string    `json:"body"`
	Author     int64     `json:"author"`
	CreatedAt  time.Time `json:"created_at"`
	UpdatedAt  time.Time `json:"updated_at"`
}

// Award is an emoji that someone put on an issue, a merge request or a note.
type Award struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
	User int64  `json:"user"`
	// Kind and Target say on what: Issue, MergeRequest or Note and its number.
	Kind      string    `json:"kind"`
	Target    int64     `json:"target"`
	CreatedAt time.Time `json:"created_at"`
}

// Hook is a webhook of a project.
type Hook struct {
	ID      int64  `json:"id"`
	UUID    string `json:"uuid"`
	Project int64  `json:"project"`
	URL     string `json:"url"`
	Name    string `json:"name,omitempty"`
	// Token is sent as it is; SigningToken (whsec_…) signs.
	Token        string          `json:"token,omitempty"`
	SigningToken string          `json:"signing_token,omitempty"`
	Events       map[string]bool `json:"events"`
	CreatedAt    time.Time       `json:"created_at"`
}

// Variable is a CI/CD variable of a project.
type Variable struct {
	Project     int64  `json:"project"`
	Key         string `json:"key"`
	Value       string `json:"value"`
	Masked      bool   `json:"masked,omitempty"`
	Hidden      bool   `json:"hidden,omitempty"`
	Protected   bool   `json:"protected,omitempty"`
	Raw         bool   `json:"raw,omitempty"`
	Type        string `json:"type"`
	Environment string `json:"environment"`
	Description string `json:"description,omitempty"`
}

// VariablesOf lists the CI/CD variables of a project.
func (s *State) VariablesOf(project int64) []*Variable {
	out := []*Variable{}
	for _, v := range s.Variables {
		if v.Project == project {
			out = append(out, v)
		}
	}
	return out
}

// Issuables are all issues, or all merge requests.
func (s *State) Issuables(kind string) map[int64]*Issuable {
	if kind == NoteableIssue {
		return s.Issues
	}
	return s.MergeRequests
}

// NotesOf lists what was said about something, the oldest first.
func (s *State) NotesOf(kind string, noteable int64) []*Note {
	out := []*Note{}
	for _, n := range Sorted(s.Notes) {
		if n.Kind == kind && n.Noteable == noteable {
			out = append(out, n)
		}
	}
	return out
}

// DiscussionsOf lists the threads about something, the oldest first.
func (s *State) DiscussionsOf(kind string, noteable int64) []*Discussion {
	out := []*Discussion{}
	for _, d := range s.Discussions {
		if d.Kind == kind && d.Noteable == noteable {
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b *Discussion) int { return cmp.Compare(a.Order, b.Order) })
	return out
}

// RemoveNote takes a note out, and its thread with the last one of it.
func (s *State) RemoveNote(n *Note) {
	d := s.Discussions[n.Discussion]
	d.Notes = slices.DeleteFunc(d.Notes, func(id int64) bool { return id == n.ID })
	if len(d.Notes) == 0 {
		delete(s.Discussions, d.ID)
	}
	maps.DeleteFunc(s.Awards, func(_ int64, a *Award) bool { return a.Kind == NoteableNote && a.Target == n.ID })
	delete(s.Notes, n.ID)
}
