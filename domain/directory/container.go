package directory

import (
	"fmt"

	"github.com/duolog/duolog/domain"
)

// CreateNamespace makes the root group, with its first owner.
type CreateNamespace struct {
	Owner string `json:"owner"`
}

func (c *CreateNamespace) want(root string) []Key {
	return []Key{memberKey(root, c.Owner), accountKey(root, c.Owner)}
}

func (c *CreateNamespace) decide(f *Facts, root string) ([]Event, error) {
	if f.Get(containerKey(root)).There() {
		return nil, nil
	}
	if err := CheckLogin("owner", c.Owner); err != nil {
		return nil, err
	}
	return []Event{NamespaceCreated{Path: root}, MemberSet{Path: root, Login: c.Owner, Level: Owner}}, nil
}

// CreateGroup makes a group in another.
type CreateGroup struct {
	Path string `json:"path"`
}

func (c *CreateGroup) want(string) []Key { return withParent(c.Path) }

func (c *CreateGroup) decide(f *Facts, root string) ([]Event, error) {
	there, err := place(f, c.Path, root, false)
	if err != nil || there {
		return nil, err
	}
	return []Event{GroupCreated{Path: c.Path}}, nil
}

// CreateProject makes a project in a group.
type CreateProject struct {
	Path string `json:"path"`
	// Settings are those of duo-workspace where there are none.
	Settings *ProjectSettings `json:"settings,omitempty"`
}

func (c *CreateProject) want(string) []Key { return withParent(c.Path) }

func (c *CreateProject) decide(f *Facts, root string) ([]Event, error) {
	settings := WorkspaceSettings()
	if c.Settings != nil {
		settings = *c.Settings
	}
	switch settings.Visibility {
	case Private, Internal, Public:
	default:
		return nil, badVisibility(settings.Visibility)
	}
	there, err := place(f, c.Path, root, true)
	if err != nil || there {
		return nil, err
	}
	return []Event{ProjectCreated{Path: c.Path, Settings: settings}}, nil
}

// place says whether the container is there already. It refuses one whose parent is
// not there, or whose path something else has.
func place(f *Facts, path, root string, project bool) (there bool, err error) {
	if err := within(path, root); err != nil {
		return false, err
	}
	if path == root {
		return false, conflict("path", path+" is the root group itself", "give a path below it")
	}
	if e := f.Get(containerKey(path)); e.There() {
		if (e.Project != nil) != project {
			return false, conflict("path", fmt.Sprintf("%s is there as a %s", path, e.What()), "choose another path")
		}
		return true, nil
	}
	parent := f.Get(containerKey(Parent(path)))
	switch {
	case !parent.There():
		return false, missing("path", fmt.Sprintf("there is no group %s for it to be in", Parent(path)), "create that first: duolog namespace create "+Parent(path))
	case parent.Project != nil:
		return false, conflict("path", Parent(path)+" is a project, which holds no others", "put it into a group")
	}
	return false, nil
}

// What says what a container is.
func (e Entry) What() string {
	if e.Project != nil {
		return "project"
	}
	return "group"
}

// DeleteContainer takes a project or an empty group away.
type DeleteContainer struct {
	Path string `json:"path"`
}

func (c *DeleteContainer) want(string) []Key { return withParent(c.Path) }

func (c *DeleteContainer) decide(f *Facts, root string) ([]Event, error) {
	if err := within(c.Path, root); err != nil {
		return nil, err
	}
	e := f.Get(containerKey(c.Path))
	switch {
	case !e.There():
		return nil, nil
	case e.Children > 0:
		return nil, conflict("path", fmt.Sprintf("%s holds %d groups and projects", c.Path, e.Children), "delete those first")
	}
	return []Event{ContainerDeleted{Path: c.Path}}, nil
}

func badVisibility(got string) error {
	return domain.InvalidField("settings.visibility", fmt.Sprintf("visibility %.40q is not known", got), "use private, internal or public")
}
