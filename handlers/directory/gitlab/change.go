package gitlab

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	gl "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/domain/planted"
)

// EnsureProject finds or makes a project of a group. Two who make it at once make
// one: GitLab refuses the second, who finds it then.
func (d *Directory) EnsureProject(ctx context.Context, tenant domain.Tenant, who domain.Principal, group, name string) (directory.Container, error) {
	path := group + "/" + name
	found, _, err := d.Container(ctx, tenant, path)
	if err == nil || domain.CodeOf(err) != domain.CodeNotFound {
		return found, err
	}
	g, _, err := d.Container(ctx, tenant, group)
	if err != nil {
		return g, err
	}
	off := new(gl.DisabledAccessControl)
	_, _, err = d.cfg.Client.Projects.CreateProject(&gl.CreateProjectOptions{
		Name: &name, Path: &name, NamespaceID: &g.ID, Visibility: new(gl.PrivateVisibility), InitializeWithReadme: new(true),
		BuildsAccessLevel: new(gl.PrivateAccessControl), ContainerRegistryAccessLevel: off, WikiAccessLevel: off, SnippetsAccessLevel: off,
	}, gl.WithContext(ctx))
	d.forget("container/" + path)
	if taken(err) && planted.Bug("project_not_looked_up") {
		return d.EnsureProject(ctx, tenant, who, group, name+"-2")
	}
	if err != nil && !taken(err) {
		return directory.Container{}, refusal(err)
	}
	found, _, err = d.Container(ctx, tenant, path)
	return found, err
}

// EnsureMember gives an account at least a level in a container, unless it has that
// by inheritance.
func (d *Directory) EnsureMember(ctx context.Context, tenant domain.Tenant, _ domain.Principal, path, login string, level directory.Level) error {
	has, _, err := d.Level(ctx, tenant, login, path)
	if err != nil || has >= level {
		return err
	}
	u, _, err := ask(d, "user/"+login, func() (directory.User, error) { return d.user(ctx, login) })
	if err != nil {
		return err
	}
	if u.Blocked {
		return &domain.Error{Code: domain.CodeForbidden, Message: fmt.Sprintf("the account %s is blocked in GitLab", login), Fix: "an administrator can unblock it"}
	}
	c, _, err := d.Container(ctx, tenant, path)
	if err != nil {
		return err
	}
	defer d.forget(levelKey(login, path))
	err = d.add(ctx, c, u.ID, gl.AccessLevelValue(level))
	if taken(err) {
		err = d.raise(ctx, c, u.ID, gl.AccessLevelValue(level))
	}
	return refusal(err)
}

func (d *Directory) add(ctx context.Context, c directory.Container, user int64, level gl.AccessLevelValue) error {
	if c.Project {
		_, _, err := d.cfg.Client.ProjectMembers.AddProjectMember(c.Path, &gl.AddProjectMemberOptions{UserID: user, AccessLevel: &level}, gl.WithContext(ctx))
		return err
	}
	_, _, err := d.cfg.Client.GroupMembers.AddGroupMember(c.Path, &gl.AddGroupMemberOptions{UserID: &user, AccessLevel: &level}, gl.WithContext(ctx))
	return err
}

func (d *Directory) raise(ctx context.Context, c directory.Container, user int64, level gl.AccessLevelValue) error {
	if c.Project {
		_, _, err := d.cfg.Client.ProjectMembers.EditProjectMember(c.Path, user, &gl.EditProjectMemberOptions{AccessLevel: &level}, gl.WithContext(ctx))
		return err
	}
	_, _, err := d.cfg.Client.GroupMembers.EditGroupMember(c.Path, user, &gl.EditGroupMemberOptions{AccessLevel: &level}, gl.WithContext(ctx))
	return err
}

// taken says that what was to be made is there.
func taken(err error) bool {
	e, ok := errors.AsType[*gl.ErrorResponse](err)
	return ok && (e.StatusCode == http.StatusConflict || e.StatusCode == http.StatusBadRequest)
}
