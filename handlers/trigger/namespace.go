package trigger

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	entities "github.com/duolog/duolog/domain/directory"
	words "github.com/duolog/duolog/domain/trigger"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/directory"
	"github.com/duolog/duolog/handlers/permission"
)

// namespace finds the group that decides, and with it who asks.
func (p *passage) namespace(ctx context.Context) error {
	var ok bool
	if p.policy, ok = p.cfg.Policy(p.ask.Tenant); !ok {
		return noTenant(p.ask.Tenant)
	}
	user, basis, err := p.person(ctx, p.ask.Tenant, p.ask.User)
	if err != nil {
		return err
	}
	p.user, p.facts.Human = user, access.Member{Login: p.ask.User, Admin: user.Admin}
	permission.Note(&p.facts.Basis, basis)
	for _, n := range p.ask.Named {
		if basis, err = p.named(ctx, n); err != nil {
			return err
		}
	}
	if p.place.Path != "" {
		return p.rootOf(ctx, p.place, p.place.Path+", which was asked for", basis)
	}
	return p.byDefault(ctx, basis)
}

func noTenant(name domain.Tenant) error {
	return &domain.Error{
		Code: domain.CodeNamespaceMissing, Message: fmt.Sprintf("No default Duo namespace configured for tenant %q", name), Fix: "add the tenant to the configuration",
	}
}

// person is who asks, if they may ask for anything.
func (t *Trigger) person(ctx context.Context, tenant domain.Tenant, login string) (entities.User, directory.Basis, error) {
	user, basis, err := t.cfg.Directory.User(ctx, tenant, login)
	switch {
	case missing(err):
		return user, basis, &domain.Error{
			Code: domain.CodeForbidden, Message: fmt.Sprintf("the directory has no user %.80q", login), Fix: "ask an administrator to add them",
		}
	case err != nil:
		return user, basis, fmt.Errorf("find user %s: %w", login, err)
	case user.Blocked:
		return user, basis, userBlocked(login)
	}
	return user, basis, nil
}

func userBlocked(login string) error {
	return &domain.Error{Code: domain.CodeForbidden, Message: fmt.Sprintf("user %s is blocked", login), Fix: "ask an administrator to unblock them"}
}

// named is a group or project that the caller names. What they may not see is not
// there, and neither is what is not where they say.
func (p *passage) named(ctx context.Context, n Named) (directory.Basis, error) {
	what := map[bool]string{true: "project", false: "namespace"}[n.Project]
	gone := &domain.Error{Code: domain.CodeNotFound, Field: n.Field, Message: "there is no such " + what, Fix: "use one of your own, or leave it out"}
	c, basis, err := p.container(ctx, n.Ref)
	switch {
	case missing(err):
		return basis, gone
	case err != nil:
		return basis, fmt.Errorf("find %s %s: %w", what, n.Ref, err)
	case c.Project != n.Project, !within(c, p.place):
		return basis, gone
	}
	if c.Path != p.levelIn {
		level, levelBasis, err := p.level(ctx, p.ask.User, c.Path)
		if err != nil {
			return basis, err
		}
		p.stands(c.Path, level, levelBasis)
	}
	if p.facts.Human.Level < entities.Guest && !p.user.Admin {
		return basis, gone
	}
	if n.Project {
		p.start.Project = containerOf(c)
	}
	p.start.Namespace, p.place = containerOf(c), c
	return basis, nil
}

// container finds a group or project, and asks for each once.
func (p *passage) container(ctx context.Context, ref string) (entities.Container, directory.Basis, error) {
	if i := slices.IndexFunc(p.found, func(f found) bool { return f.Path == ref }); i >= 0 {
		return p.found[i].Container, p.found[i].basis, nil
	}
	c, basis, err := p.cfg.Directory.Container(ctx, p.ask.Tenant, ref)
	if err == nil {
		p.found = append(p.found, found{c, basis})
	}
	return c, basis, err
}

// within says whether what is named next is what was named before, or is in it.
func within(c, before entities.Container) bool {
	return before.Path == "" || c.Path == before.Path || !before.Project && strings.HasPrefix(c.Path, before.Path+"/")
}

// byDefault is the root of the user's default namespace.
func (p *passage) byDefault(ctx context.Context, basis directory.Basis) error {
	path := p.user.DefaultNamespace
	if path == "" {
		return noNamespace(p.ask.User, "", basis)
	}
	c, basis, err := p.container(ctx, path)
	switch {
	case missing(err):
		return noNamespace(p.ask.User, fmt.Sprintf(": the one that is set, %.80q, is not there", path), basis)
	case err != nil:
		return fmt.Errorf("find namespace %s: %w", path, err)
	}
	return p.rootOf(ctx, c, path+", the default namespace of "+p.ask.User, basis)
}

// rootOf sets the group that decides, which is where the workflow is unless it is
// somewhere below.
func (p *passage) rootOf(ctx context.Context, c entities.Container, detail string, basis directory.Basis) error {
	p.root = c
	if c.Root != "" && c.Root != c.Path {
		var err error
		if p.root, _, err = p.container(ctx, c.Root); err != nil {
			return fmt.Errorf("find the root of %s: %w", c.Path, err)
		}
		detail = p.root.Path + ", the root of " + detail
	}
	if p.start.Namespace == nil || c.Project {
		p.start.Namespace = containerOf(p.root)
	}
	p.took(words.Found, detail, basis)
	return nil
}

func noNamespace(user, more string, basis directory.Basis) error {
	return &domain.Error{
		Code: domain.CodeNamespaceMissing, Message: fmt.Sprintf("No default Duo namespace configured for %s%s", user, more),
		Fix: entities.ByHand{
			Command: fmt.Sprintf("choose one: duolog user set %s --default-namespace GROUP", user),
			Config:  "set the namespace of the tenant in the configuration",
			GitLab:  "choose one in GitLab, in your preferences under GitLab Duo",
		}.At(basis.Source),
	}
}

func containerOf(c entities.Container) *workflow.Container {
	return &workflow.Container{ID: c.ID, Path: c.Path}
}
