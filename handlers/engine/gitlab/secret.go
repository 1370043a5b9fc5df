package gitlab

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	gl "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/duolog/duolog/handlers/engine"
)

// putTokens stores the run's token, and the composite one where there is one.
func (e *Engine) putTokens(ctx context.Context, r engine.Run, token, acting string) error {
	if err := e.putToken(ctx, r, tokenKey, token); err != nil || acting == "" {
		return err
	}
	return e.putToken(ctx, r, compositeKey, acting)
}

// putToken stores a token of the run where its job alone can read it. A later try
// brings a token of its own and overwrites the one before.
func (e *Engine) putToken(ctx context.Context, r engine.Run, key, token string) error {
	scope := environmentOf(r)
	_, _, err := e.cfg.Client.ProjectVariables.CreateVariable(r.Project, &gl.CreateProjectVariableOptions{
		Key: &key, Value: &token, EnvironmentScope: &scope,
		Masked: new(true), Raw: new(true), Protected: new(false),
	}, gl.WithContext(ctx))
	if status(err) != http.StatusBadRequest {
		return err
	}
	_, _, overwrite := e.cfg.Client.ProjectVariables.UpdateVariable(r.Project, key, &gl.UpdateProjectVariableOptions{
		Value: &token, Filter: &gl.VariableFilter{EnvironmentScope: scope},
	}, gl.WithContext(ctx))
	if errors.Is(overwrite, gl.ErrNotFound) {
		return err // it was not there: the refusal was about something else
	}
	return overwrite
}

// clean removes what a run leaves besides its pipeline. What is gone is no error.
func (e *Engine) clean(ctx context.Context, r engine.Run) error {
	_, err := e.cfg.Client.Branches.DeleteBranch(r.Project, branchOf(r), gl.WithContext(ctx))
	if err != nil && !errors.Is(err, gl.ErrNotFound) {
		return fmt.Errorf("delete the branch of run %s: %w", r.ID, err)
	}
	if err := errors.Join(e.dropComposite(ctx, r), e.dropVariable(ctx, r, tokenKey)); err != nil {
		return err
	}
	return e.dropEnvironment(ctx, r)
}

func (e *Engine) dropVariable(ctx context.Context, r engine.Run, key string) error {
	_, err := e.cfg.Client.ProjectVariables.RemoveVariable(r.Project, key, &gl.RemoveProjectVariableOptions{
		Filter: &gl.VariableFilter{EnvironmentScope: environmentOf(r)},
	}, gl.WithContext(ctx))
	if err != nil && !errors.Is(err, gl.ErrNotFound) {
		return fmt.Errorf("delete %s of run %s: %w", key, r.ID, err)
	}
	return nil
}

func (e *Engine) dropEnvironment(ctx context.Context, r engine.Run) error {
	found, _, err := e.cfg.Client.Environments.ListEnvironments(r.Project, &gl.ListEnvironmentsOptions{Name: new(environmentOf(r))}, gl.WithContext(ctx))
	if err != nil && !errors.Is(err, gl.ErrNotFound) {
		return fmt.Errorf("look for the environment of run %s: %w", r.ID, err)
	}
	for _, env := range found {
		_, _, err := e.cfg.Client.Environments.StopEnvironment(r.Project, env.ID, &gl.StopEnvironmentOptions{Force: new(true)}, gl.WithContext(ctx))
		if err == nil {
			_, err = e.cfg.Client.Environments.DeleteEnvironment(r.Project, env.ID, gl.WithContext(ctx))
		}
		if err != nil && !errors.Is(err, gl.ErrNotFound) {
			return fmt.Errorf("delete the environment of run %s: %w", r.ID, err)
		}
	}
	return nil
}
