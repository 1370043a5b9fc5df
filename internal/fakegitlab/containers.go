package fakegitlab

import (
	"cmp"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/duolog/duolog/internal/fakegitlab/gitrepo"
	"github.com/duolog/duolog/internal/fakegitlab/instance"
)

func containerRoutes() []route {
	return []route{
		{pattern: "GET " + api + "/groups", handle: listGroups},
		{pattern: "POST " + api + "/groups", handle: createGroup},
		{pattern: "GET " + api + "/groups/{id}", handle: getGroup},
		{pattern: "GET " + api + "/groups/{id}/subgroups", handle: listSubgroups},
		{pattern: "GET " + api + "/groups/{id}/projects", handle: listGroupProjects},
		{pattern: "GET " + api + "/namespaces/{id}", handle: getNamespace},
		{pattern: "GET " + api + "/projects", handle: listProjects},
		{pattern: "POST " + api + "/projects", handle: createProject, git: true},
		{pattern: "GET " + api + "/projects/{id}", handle: getProject},
		{pattern: "PUT " + api + "/projects/{id}", handle: editProject},
		{pattern: "DELETE " + api + "/projects/{id}", handle: deleteProject},
	}
}

type groupWire struct {
	ID          int64     `json:"id"`
	WebURL      string    `json:"web_url"`
	Name        string    `json:"name"`
	Path        string    `json:"path"`
	Description string    `json:"description"`
	Visibility  string    `json:"visibility"`
	FullName    string    `json:"full_name"`
	FullPath    string    `json:"full_path"`
	ParentID    *int64    `json:"parent_id"`
	CreatedAt   time.Time `json:"created_at"`
}

func (s *Server) groupWire(g *instance.Group) groupWire {
	out := groupWire{
		ID: g.ID, WebURL: s.url + "/groups/" + g.FullPath, Name: g.Name, Path: g.Path, Description: g.Description, Visibility: g.Visibility,
		FullName: strings.ReplaceAll(g.FullPath, "/", " / "), FullPath: g.FullPath, CreatedAt: g.CreatedAt,
	}
	if g.Parent != 0 {
		parent := g.Parent
		out.ParentID = &parent
	}
	return out
}

// sees says whether the caller finds a container in lists.
func (c *call) sees(kind string, id int64, visibility string) bool {
	return c.actor.allow(c.s.state, kind, id, visibility == instance.Public, instance.Guest) == nil
}

// groups lists what the caller sees of all groups.
func (c *call) groups(which func(*instance.Group) bool) any {
	found := slices.DeleteFunc(instance.Sorted(c.s.state.Groups), func(g *instance.Group) bool {
		return !which(g) || !c.sees(instance.KindGroup, g.ID, g.Visibility) || !strings.Contains(strings.ToLower(g.FullPath), strings.ToLower(c.str("search")))
	})
	return wires(page(c, found), c.s.groupWire)
}

func listGroups(c *call) (any, error) {
	return c.groups(func(g *instance.Group) bool { return !c.flag("top_level_only", false) || g.Parent == 0 }), nil
}

func listSubgroups(c *call) (any, error) {
	above, err := c.group(instance.Guest)
	if err != nil {
		return nil, err
	}
	return c.groups(func(g *instance.Group) bool { return g.Parent == above.ID }), nil
}

func getGroup(c *call) (any, error) {
	g, err := c.group(instance.Guest)
	if err != nil {
		return nil, err
	}
	return c.s.groupWire(g), nil
}

func getNamespace(c *call) (any, error) {
	g, err := c.group(instance.Guest)
	if err != nil {
		return nil, notFound("Namespace")
	}
	return map[string]any{"id": g.ID, "name": g.Name, "path": g.Path, "kind": "group", "full_path": g.FullPath, "parent_id": c.s.groupWire(g).ParentID}, nil
}

func validPath(s string) bool {
	return regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`).MatchString(s) && !strings.HasSuffix(s, ".git") && !strings.HasSuffix(s, ".")
}

func createGroup(c *call) (any, error) {
	name, err := c.need("name")
	if err != nil {
		return nil, err
	}
	at, err := c.need("path")
	if err != nil {
		return nil, err
	}
	full := at
	if parent := c.int("parent_id"); parent != 0 {
		above := c.s.state.Groups[parent]
		if above == nil {
			return nil, notFound("Parent Group")
		}
		if err := c.actor.allow(c.s.state, instance.KindGroup, parent, above.Visibility == instance.Public, instance.Maintainer); err != nil {
			return nil, err
		}
		full = above.FullPath + "/" + at
	}
	switch {
	case !validPath(at):
		return nil, refuse(http.StatusBadRequest, "Failed to save group {path: [\"can only include letters, digits, '_', '-' and '.'\"]}")
	case c.s.state.PathTaken(full):
		return nil, refuse(http.StatusBadRequest, `Failed to save group {path: ["has already been taken"]}`)
	}
	g := c.s.state.AddGroup(instance.Group{
		Parent: c.int("parent_id"), Path: at, Name: name, Description: c.str("description"), Visibility: cmp.Or(c.str("visibility"), instance.Private),
	}, c.now)
	c.s.state.SetMember(instance.Member{Kind: instance.KindGroup, Container: g.ID, User: c.actor.user.ID, Level: instance.Owner}, c.now)
	c.created()
	return c.s.groupWire(g), nil
}

type projectWire struct {
	ID                int64          `json:"id"`
	Description       string         `json:"description"`
	Name              string         `json:"name"`
	NameWithNamespace string         `json:"name_with_namespace"`
	Path              string         `json:"path"`
	PathWithNamespace string         `json:"path_with_namespace"`
	CreatedAt         time.Time      `json:"created_at"`
	UpdatedAt         time.Time      `json:"updated_at"`
	LastActivityAt    time.Time      `json:"last_activity_at"`
	DefaultBranch     string         `json:"default_branch"`
	HTTPURLToRepo     string         `json:"http_url_to_repo"`
	WebURL            string         `json:"web_url"`
	Namespace         map[string]any `json:"namespace"`
	CreatorID         int64          `json:"creator_id"`
	EmptyRepo         bool           `json:"empty_repo"`
	Archived          bool           `json:"archived"`
	Visibility        string         `json:"visibility"`
	SharedRunners     bool           `json:"shared_runners_enabled"`
	GroupRunners      bool           `json:"group_runners_enabled"`
	VariablesRole     string         `json:"ci_pipeline_variables_minimum_override_role"`
	BuildsLevel       string         `json:"builds_access_level"`
	RegistryLevel     string         `json:"container_registry_access_level"`
	PackagesLevel     string         `json:"package_registry_access_level"`
	WikiLevel         string         `json:"wiki_access_level"`
	SnippetsLevel     string         `json:"snippets_access_level"`
	IssuesLevel       string         `json:"issues_access_level"`
	MergeLevel        string         `json:"merge_requests_access_level"`
	Permissions       map[string]any `json:"permissions,omitempty"`
}

func (c *call) projectWire(p *instance.Project) projectWire {
	g := c.s.state.Groups[p.Group]
	feature := func(name string) string { return cmp.Or(p.Features[name], "enabled") }
	out := projectWire{
		ID: p.ID, Description: p.Description, Name: p.Name, NameWithNamespace: strings.ReplaceAll(g.FullPath, "/", " / ") + " / " + p.Name,
		Path: p.Path, PathWithNamespace: p.FullPath, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt, LastActivityAt: p.UpdatedAt, DefaultBranch: p.DefaultBranch,
		HTTPURLToRepo: c.s.url + "/" + p.FullPath + ".git", WebURL: c.s.url + "/" + p.FullPath, CreatorID: p.Creator, EmptyRepo: p.Empty, Visibility: p.Visibility,
		Namespace: map[string]any{
			"id": g.ID, "name": g.Name, "path": g.Path, "kind": "group", "full_path": g.FullPath,
			"parent_id": c.s.groupWire(g).ParentID, "web_url": c.s.url + "/groups/" + g.FullPath,
		},
		SharedRunners: true, GroupRunners: true, VariablesRole: cmp.Or(p.VariablesRole, "developer"),
		BuildsLevel: feature("builds_access_level"), RegistryLevel: feature("container_registry_access_level"), PackagesLevel: feature("package_registry_access_level"),
		WikiLevel: feature("wiki_access_level"), SnippetsLevel: feature("snippets_access_level"), IssuesLevel: feature("issues_access_level"),
		MergeLevel: feature("merge_requests_access_level"),
	}
	out.Permissions = map[string]any{"project_access": access(c.s.state.Member(instance.KindProject, p.ID, c.actor.user.ID)), "group_access": nil}
	if level := c.s.state.Level(c.actor.user, instance.KindGroup, p.Group); level > 0 && !c.actor.user.Admin {
		out.Permissions["group_access"] = map[string]any{"access_level": level, "notification_level": 3}
	}
	return out
}

func access(m *instance.Member) any {
	if m == nil {
		return nil
	}
	return map[string]any{"access_level": m.Level, "notification_level": 3}
}

func (c *call) projects(which func(*instance.Project) bool) any {
	found := slices.DeleteFunc(instance.Sorted(c.s.state.Projects), func(p *instance.Project) bool {
		return !which(p) || !c.sees(instance.KindProject, p.ID, p.Visibility) || !strings.Contains(strings.ToLower(p.Path+" "+p.Name), strings.ToLower(c.str("search")))
	})
	return wires(page(c, found), c.projectWire)
}

func listProjects(c *call) (any, error) {
	return c.projects(func(p *instance.Project) bool {
		return !c.flag("membership", false) || c.s.state.Level(c.actor.user, instance.KindProject, p.ID) > 0
	}), nil
}

func listGroupProjects(c *call) (any, error) {
	g, err := c.group(instance.Guest)
	if err != nil {
		return nil, err
	}
	return c.projects(func(p *instance.Project) bool {
		return p.Group == g.ID || c.flag("include_subgroups", false) && strings.HasPrefix(p.FullPath, g.FullPath+"/")
	}), nil
}

func getProject(c *call) (any, error) {
	p, err := c.project(instance.Guest)
	if err != nil {
		return nil, err
	}
	return c.projectWire(p), nil
}

// features are the parameters of a project that it keeps as they are.
func features() []string {
	return []string{
		"builds_access_level", "container_registry_access_level", "package_registry_access_level", "wiki_access_level",
		"snippets_access_level", "issues_access_level", "merge_requests_access_level",
	}
}

func (c *call) setFeatures(p *instance.Project) {
	for _, name := range features() {
		if c.has(name) {
			p.Features[name] = c.str(name)
		}
	}
	p.VariablesRole = cmp.Or(c.str("ci_pipeline_variables_minimum_override_role"), p.VariablesRole)
	p.Description = cmp.Or(c.str("description"), p.Description)
	p.Visibility = cmp.Or(c.str("visibility"), p.Visibility)
}

// createProject makes a project, its repository, and its first commit where
// that is asked for. A project without its repository is taken back.
func createProject(c *call) (any, error) {
	var p *instance.Project
	err := c.locked(func() (err error) {
		p, err = c.newProject()
		return err
	})
	if err != nil {
		return nil, err
	}
	err = c.s.repos.Create(c.Context(), p.ID, p.DefaultBranch)
	if err == nil && c.flag("initialize_with_readme", false) {
		_, err = c.s.repos.Write(c.Context(), p.ID, gitrepo.Draft{
			Branch: p.DefaultBranch, Message: "Initial commit", Name: c.actor.user.Name, Email: c.actor.user.Email, At: c.now,
			Changes: []gitrepo.Change{{Action: gitrepo.Create, Path: "README.md", Body: []byte("# " + p.Name + "\n")}},
		})
	}
	var out any
	_ = c.locked(func() error {
		defer c.s.touched()
		if err != nil {
			c.s.state.RemoveProject(p.ID)
			return nil
		}
		p.Empty = !c.flag("initialize_with_readme", false)
		out = c.projectWire(p)
		return nil
	})
	c.created()
	return out, err
}

func (c *call) newProject() (*instance.Project, error) {
	name := cmp.Or(c.str("name"), c.str("path"))
	if name == "" {
		return nil, &refusal{http.StatusBadRequest, map[string]any{"error": "name, path are missing, at least one parameter must be provided"}}
	}
	at := cmp.Or(c.str("path"), strings.ToLower(strings.ReplaceAll(name, " ", "-")))
	g := c.s.state.Groups[c.int("namespace_id")]
	if g == nil {
		return nil, invalid("namespace", "is not valid")
	}
	if err := c.actor.allow(c.s.state, instance.KindGroup, g.ID, g.Visibility == instance.Public, instance.Developer); err != nil {
		return nil, err
	}
	switch {
	case !validPath(at):
		return nil, invalid("path", "can only include letters, digits, '_', '-' and '.'")
	case c.s.state.PathTaken(path.Join(g.FullPath, at)):
		return nil, refuse(http.StatusBadRequest, map[string][]string{
			"project_namespace.name": {"has already been taken"}, "name": {"has already been taken"}, "path": {"has already been taken"},
		})
	}
	p := c.s.state.AddProject(instance.Project{
		Group: g.ID, Path: at, Name: name, Visibility: instance.Private, DefaultBranch: cmp.Or(c.str("default_branch"), "main"),
		Creator: c.actor.user.ID, Features: map[string]string{}, Empty: true,
	}, c.now)
	c.setFeatures(p)
	c.s.touched()
	return p, nil
}

func editProject(c *call) (any, error) {
	p, err := c.project(instance.Maintainer)
	if err != nil {
		return nil, err
	}
	c.setFeatures(p)
	p.Name, p.DefaultBranch = cmp.Or(c.str("name"), p.Name), cmp.Or(c.str("default_branch"), p.DefaultBranch)
	p.UpdatedAt = c.now
	return c.projectWire(p), nil
}

func deleteProject(c *call) (any, error) {
	p, err := c.project(instance.Owner)
	if err != nil {
		return nil, err
	}
	for _, pipeline := range instance.Sorted(c.s.state.Pipelines) {
		if pipeline.Project == p.ID {
			c.s.removePipeline(pipeline)
		}
	}
	c.s.state.RemoveProject(p.ID)
	if err := c.s.repos.Remove(p.ID); err != nil {
		return nil, err
	}
	c.status = http.StatusAccepted
	return map[string]string{"message": "202 Accepted"}, nil
}
