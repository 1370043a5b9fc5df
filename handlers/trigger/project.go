package trigger

import (
	"context"
	"fmt"

	"github.com/duolog/duolog/domain"
	entities "github.com/duolog/duolog/domain/directory"
	words "github.com/duolog/duolog/domain/trigger"
	"github.com/duolog/duolog/handlers/directory"
)

// project finds the project that the workflow is in, or makes it. Whoever may not
// work there is refused before anything is made for them.
func (p *passage) project(ctx context.Context) error {
	if p.place.Path != "" {
		return p.asked(ctx)
	}
	path := p.root.Path + "/" + entities.Workspace
	there, basis, err := p.container(ctx, path)
	isThere := err == nil
	switch {
	case isThere:
		p.place = there
	case missing(err):
		p.place = p.root
	default:
		return fmt.Errorf("find project %s: %w", path, err)
	}
	if err := p.allow(ctx); err != nil {
		return err
	}
	if isThere {
		p.took(words.Found, there.Path, basis)
		p.start.Project = containerOf(there)
		return nil
	}
	return p.makeProject(ctx, basis)
}

// makeProject finds the project under another name, or makes it.
func (p *passage) makeProject(ctx context.Context, basis directory.Basis) error {
	p.cfg.Point("trigger.before_project")
	project, err := p.cfg.Changer.EnsureProject(ctx, p.ask.Tenant, p.who(), p.root.Path, entities.Workspace)
	p.cfg.Point("trigger.after_project")
	if err != nil {
		return wrapped(domain.CodeWorkspaceProject, fmt.Sprintf("project %s of %s could not be found or made", entities.Workspace, p.root.Path), err)
	}
	switch {
	case project.Path == "":
		p.took(words.Found, "none is configured: the workflow belongs to "+p.root.Path, basis)
		return nil
	case basis.Source == sourceConfig:
		p.took(words.Found, project.Path, basis)
	default:
		p.took(words.Made, project.Path, basis)
	}
	p.place, p.start.Project = project, containerOf(project)
	return nil
}

// sourceConfig answers from a configuration, in which nothing can be made.
const sourceConfig = "config"

// asked is a place that the caller names: it is there.
func (p *passage) asked(ctx context.Context) error {
	if err := p.allow(ctx); err != nil {
		return err
	}
	if p.place.Project {
		p.took(words.Found, p.place.Path+", which was asked for", directory.Basis{})
	} else {
		p.took(words.Found, "none: the workflow belongs to "+p.place.Path, directory.Basis{})
	}
	return nil
}
