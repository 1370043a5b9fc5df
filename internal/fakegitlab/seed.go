package fakegitlab

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"path"
	"slices"

	"github.com/duolog/duolog/internal/fakegitlab/gitrepo"
	"github.com/duolog/duolog/internal/fakegitlab/instance"
)

// Seed is a company to begin with. Parents stand before their children.
type Seed struct {
	Users    []SeedUser
	Groups   []SeedGroup
	Projects []SeedProject
}

// SeedUser is an account, and a token for it where one is given.
type SeedUser struct {
	Username string
	Name     string
	Admin    bool
	Blocked  bool
	Token    string
}

// SeedGroup is a group by its full path, its members with their levels, and the
// service accounts that it made.
type SeedGroup struct {
	Path            string
	Public          bool
	Members         map[string]int
	ServiceAccounts []SeedUser
}

// SeedProject is a project by its full path. Files are its first commit; without
// any its repository is empty.
type SeedProject struct {
	Path    string
	Public  bool
	Members map[string]int
	Files   map[string]string
}

// plant fills an empty instance.
func (s *Server) plant(ctx context.Context, seed Seed) error {
	for _, u := range seed.Users {
		s.plantUser(u, 0)
	}
	for _, g := range seed.Groups {
		if err := s.plantGroup(g); err != nil {
			return err
		}
	}
	for _, p := range seed.Projects {
		if err := s.plantProject(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) plantUser(u SeedUser, group int64) {
	added := s.state.AddUser(instance.User{
		Username: u.Username, Name: cmp.Or(u.Name, u.Username), Email: u.Username + "@example.com",
		Admin: u.Admin, Blocked: u.Blocked, ServiceAccount: group != 0, Group: group,
	}, s.now())
	if u.Token != "" {
		s.state.AddToken(instance.Token{Value: u.Token, User: added.ID, Name: "seed", Scopes: []string{instance.ScopeAPI}}, s.now())
	}
}

func (s *Server) plantGroup(g SeedGroup) error {
	parent, err := s.plantParent(g.Path)
	if err != nil {
		return err
	}
	added := s.state.AddGroup(instance.Group{Parent: parent, Path: path.Base(g.Path), Name: path.Base(g.Path), Visibility: visibility(g.Public)}, s.now())
	for _, account := range g.ServiceAccounts {
		s.plantUser(account, added.ID)
	}
	return s.plantMembers(instance.KindGroup, added.ID, g.Members)
}

func (s *Server) plantProject(ctx context.Context, p SeedProject) error {
	parent, err := s.plantParent(p.Path)
	if err == nil && parent == 0 {
		err = fmt.Errorf("seed: project %s has no group", p.Path)
	}
	if err != nil {
		return err
	}
	added := s.state.AddProject(instance.Project{
		Group: parent, Path: path.Base(p.Path), Name: path.Base(p.Path), Visibility: visibility(p.Public), DefaultBranch: "main", Empty: len(p.Files) == 0,
	}, s.now())
	if err := s.repos.Create(ctx, added.ID, added.DefaultBranch); err != nil {
		return err
	}
	if len(p.Files) > 0 {
		draft := gitrepo.Draft{Branch: added.DefaultBranch, Message: "Initial commit", Name: "GitLab", Email: "gitlab@example.com", At: s.cfg.Now()}
		for _, name := range slices.Sorted(maps.Keys(p.Files)) {
			draft.Changes = append(draft.Changes, gitrepo.Change{Action: gitrepo.Create, Path: name, Body: []byte(p.Files[name])})
		}
		if _, err := s.repos.Write(ctx, added.ID, draft); err != nil {
			return err
		}
	}
	return s.plantMembers(instance.KindProject, added.ID, p.Members)
}

func (s *Server) plantParent(full string) (int64, error) {
	dir := path.Dir(full)
	if dir == "." {
		return 0, nil
	}
	if g := s.state.Group(dir); g != nil {
		return g.ID, nil
	}
	return 0, fmt.Errorf("seed: %s stands before its group %s", full, dir)
}

func (s *Server) plantMembers(kind string, id int64, members map[string]int) error {
	for _, username := range slices.Sorted(maps.Keys(members)) {
		u := s.state.UserNamed(username)
		if u == nil {
			return fmt.Errorf("seed: member %s is no user", username)
		}
		s.state.SetMember(instance.Member{Kind: kind, Container: id, User: u.ID, Level: members[username]}, s.now())
	}
	return nil
}

// Token makes a personal access token with all of the API for a user, as a
// person would in their settings.
func (s *Server) Token(username string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.state.UserNamed(username)
	if u == nil {
		return "", fmt.Errorf("fake GitLab: no user %s", username)
	}
	t := s.state.AddToken(instance.Token{Value: newToken("glpat-"), User: u.ID, Name: "local", Scopes: []string{instance.ScopeAPI}}, s.now())
	s.touched()
	return t.Value, nil
}

func newToken(prefix string) string { return prefix + rand.Text() }

func visibility(public bool) string {
	if public {
		return instance.Public
	}
	return instance.Private
}
