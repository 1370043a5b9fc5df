package gitlab

import (
	"context"
	"fmt"
	"slices"

	gl "gitlab.com/gitlab-org/api/client-go/v2"
)

// ensureHook gives a project the hook that tells of its pipelines, once for each
// process. One that was added by hand, to the same address, is left as it is.
func (e *Engine) ensureHook(ctx context.Context, project string) error {
	if e.cfg.HookURL == "" {
		return nil
	}
	if _, done := e.hooked.Load(project); done {
		return nil
	}
	hooks, _, err := e.cfg.Client.Projects.ListProjectHooks(project, &gl.ListProjectHooksOptions{ListOptions: gl.ListOptions{PerPage: 100}}, gl.WithContext(ctx))
	if err != nil {
		return fmt.Errorf("list the hooks of %s: %w", project, err)
	}
	if !slices.ContainsFunc(hooks, func(h *gl.ProjectHook) bool { return h.URL == e.cfg.HookURL }) {
		_, _, err := e.cfg.Client.Projects.AddProjectHook(project, &gl.AddProjectHookOptions{
			URL: &e.cfg.HookURL, Token: &e.cfg.HookSecret, PipelineEvents: new(true), PushEvents: new(false),
		}, gl.WithContext(ctx))
		if err != nil {
			return fmt.Errorf("add a hook to %s: %w", project, err)
		}
	}
	e.hooked.Store(project, true)
	return nil
}
