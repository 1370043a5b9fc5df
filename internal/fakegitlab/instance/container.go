package instance

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Visibilities.
const (
	Private = "private"
	Public  = "public"
)

// Group is a group or subgroup.
type Group struct {
	ID          int64     `json:"id"`
	Parent      int64     `json:"parent,omitempty"`
	Path        string    `json:"path"`
	Name        string    `json:"name"`
	FullPath    string    `json:"full_path"`
	Description string    `json:"description,omitempty"`
	Visibility  string    `json:"visibility"`
	CreatedAt   time.Time `json:"created_at"`
}

// Project is a project of a group.
type Project struct {
	ID            int64  `json:"id"`
	Group         int64  `json:"group"`
	Path          string `json:"path"`
	Name          string `json:"name"`
	FullPath      string `json:"full_path"`
	Description   string `json:"description,omitempty"`
	Visibility    string `json:"visibility"`
	DefaultBranch string `json:"default_branch"`
	Creator       int64  `json:"creator"`
	// Features are access levels of parts: builds_access_level and the like.
	Features map[string]string `json:"features,omitempty"`
	// Empty says that the repository has no commit.
	Empty bool `json:"empty,omitempty"`
	// VariablesRole is who may give variables to a pipeline.
	VariablesRole string    `json:"variables_role,omitempty"`
	CreatedAt     time.Time `json:"created_at"`
	UpdatedAt     time.Time `json:"updated_at"`
}

// Kinds of what has members.
const (
	KindGroup   = "group"
	KindProject = "project"
)

// Member is a direct membership.
type Member struct {
	Kind      string    `json:"kind"`
	Container int64     `json:"container"`
	User      int64     `json:"user"`
	Level     int       `json:"level"`
	CreatedAt time.Time `json:"created_at"`
}

// Levels of access.
const (
	Guest      = 10
	Reporter   = 20
	Developer  = 30
	Maintainer = 40
	Owner      = 50
)

// AddGroup takes a group in, below its parent.
func (s *State) AddGroup(g Group, now time.Time) *Group {
	g.ID, g.CreatedAt, g.FullPath = s.Next("namespace"), now, g.Path
	if parent := s.Groups[g.Parent]; parent != nil {
		g.FullPath = parent.FullPath + "/" + g.Path
	}
	s.Groups[g.ID] = &g
	return &g
}

// AddProject takes a project in, below its group.
func (s *State) AddProject(p Project, now time.Time) *Project {
	p.ID, p.CreatedAt, p.UpdatedAt = s.Next("project"), now, now
	p.FullPath = s.Groups[p.Group].FullPath + "/" + p.Path
	if p.Features == nil {
		p.Features = map[string]string{}
	}
	s.Projects[p.ID] = &p
	return &p
}

// RemoveProject takes a project out that has no pipelines, with all that is in
// it.
func (s *State) RemoveProject(id int64) {
	maps.DeleteFunc(s.Discussions, func(_ string, d *Discussion) bool { return s.Notes[d.Notes[0]].Project == id })
	s.Members = slices.DeleteFunc(s.Members, func(m *Member) bool { return m.Kind == KindProject && m.Container == id })
	s.Variables = slices.DeleteFunc(s.Variables, func(v *Variable) bool { return v.Project == id })
	maps.DeleteFunc(s.Hooks, func(_ int64, h *Hook) bool { return h.Project == id })
	maps.DeleteFunc(s.Notes, func(_ int64, n *Note) bool { return n.Project == id })
	maps.DeleteFunc(s.Issues, func(_ int64, i *Issuable) bool { return i.Project == id })
	maps.DeleteFunc(s.MergeRequests, func(_ int64, m *Issuable) bool { return m.Project == id })
	delete(s.Projects, id)
}

// Group finds a group by number or full path.
func (s *State) Group(ref string) *Group {
	if id, err := strconv.ParseInt(ref, 10, 64); err == nil {
		return s.Groups[id]
	}
	for _, g := range s.Groups {
		if strings.EqualFold(g.FullPath, ref) {
			return g
		}
	}
	return nil
}

// Project finds a project by number or full path.
func (s *State) Project(ref string) *Project {
	if id, err := strconv.ParseInt(ref, 10, 64); err == nil {
		return s.Projects[id]
	}
	for _, p := range s.Projects {
		if strings.EqualFold(p.FullPath, ref) {
			return p
		}
	}
	return nil
}

// PathTaken says whether a group or project stands at a full path.
func (s *State) PathTaken(full string) bool {
	_, err := strconv.ParseInt(full, 10, 64)
	return err != nil && (s.Group(full) != nil || s.Project(full) != nil)
}

// Root is the outermost group of a group.
func (s *State) Root(group int64) *Group {
	g := s.Groups[group]
	for g != nil && g.Parent != 0 {
		g = s.Groups[g.Parent]
	}
	return g
}

// SetMember makes or changes a direct membership.
func (s *State) SetMember(m Member, now time.Time) *Member {
	if was := s.Member(m.Kind, m.Container, m.User); was != nil {
		was.Level = m.Level
		return was
	}
	m.CreatedAt = now
	s.Members = append(s.Members, &m)
	return &m
}

// Member finds a direct membership.
func (s *State) Member(kind string, container, user int64) *Member {
	for _, m := range s.Members {
		if m.Kind == kind && m.Container == container && m.User == user {
			return m
		}
	}
	return nil
}

// RemoveMember ends a direct membership.
func (s *State) RemoveMember(kind string, container, user int64) {
	s.Members = slices.DeleteFunc(s.Members, func(m *Member) bool {
		return m.Kind == kind && m.Container == container && m.User == user
	})
}

// Inherited lists who is a member of a container, each user once with the
// highest level that they have there or in a group above.
func (s *State) Inherited(kind string, container int64) []*Member {
	best := map[int64]*Member{}
	for kind, id := range s.upwards(kind, container) {
		for _, m := range s.Members {
			if m.Kind == kind && m.Container == id && (best[m.User] == nil || best[m.User].Level < m.Level) {
				best[m.User] = m
			}
		}
	}
	return Sorted(best)
}

// Direct lists the direct members of a container by user.
func (s *State) Direct(kind string, container int64) []*Member {
	direct := map[int64]*Member{}
	for _, m := range s.Members {
		if m.Kind == kind && m.Container == container {
			direct[m.User] = m
		}
	}
	return Sorted(direct)
}

// Level is the highest level of a user in a container, inherited ones included.
// Administrators are owners everywhere, blocked users nothing anywhere.
func (s *State) Level(user *User, kind string, container int64) int {
	switch {
	case user == nil || user.Blocked:
		return 0
	case user.Admin:
		return Owner
	}
	level := 0
	for kind, id := range s.upwards(kind, container) {
		if m := s.Member(kind, id, user.ID); m != nil {
			level = max(level, m.Level)
		}
	}
	return level
}

// upwards goes from a container to the outermost group.
func (s *State) upwards(kind string, id int64) func(func(string, int64) bool) {
	return func(yield func(string, int64) bool) {
		if kind == KindProject {
			if !yield(KindProject, id) || s.Projects[id] == nil {
				return
			}
			id = s.Projects[id].Group
		}
		for g := s.Groups[id]; g != nil; g = s.Groups[g.Parent] {
			if !yield(KindGroup, g.ID) {
				return
			}
		}
	}
}
