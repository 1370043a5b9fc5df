package gitlab

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"

	gl "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/planted"
	"github.com/duolog/duolog/handlers/engine"
)

// Engine runs agents as jobs of one GitLab instance. Its methods may be called from
// any goroutine, and by any node.
type Engine struct {
	cfg Config
	// hooked are the projects that have their hook, begins the default branches by
	// project.
	hooked, begins sync.Map
}

// New checks the configuration. It asks GitLab nothing.
func New(cfg Config) (*Engine, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Engine{cfg: cfg}, nil
}

func runOf(s engine.Start) engine.Run {
	return engine.Run{Tenant: s.Tenant, Workflow: s.Workflow, ID: s.RunID, Epoch: s.Epoch, ServiceAccount: s.ServiceAccount, Project: s.Project}
}

// Start creates the branch of the run, of which GitLab makes the pipeline. One that
// is there already is no error. A *domain.Error says that GitLab refused, and that
// nothing was started.
func (e *Engine) Start(ctx context.Context, s engine.Start) (engine.Workload, error) {
	if err := s.Validate(); err != nil {
		return engine.Workload{}, err
	}
	r := runOf(s)
	if r.Project == "" {
		return engine.Workload{}, &domain.Error{
			Code: domain.CodeInvalidField, Field: "project", Message: "the workflow belongs to no project, and a CI job needs one",
			Fix: "start it in a project",
		}
	}
	acting, err := e.composite(ctx, s)
	if err != nil {
		return engine.Workload{}, err
	}
	file, err := definition(e.cfg, s, acting)
	if err != nil {
		return engine.Workload{}, err
	}
	if err := e.ensureHook(ctx, r.Project); err != nil {
		// It is known how the run is without it, some seconds later.
		e.cfg.Logger.WarnContext(ctx, "GitLab will not tell how runs end", slog.String("project", r.Project), slog.Any("error", err))
	}
	if err := e.putTokens(ctx, r, s.Env[tokenName], acting); err != nil {
		return engine.Workload{}, e.withdrawn(ctx, r, refused("store the run's tokens in "+r.Project, err))
	}
	e.cfg.Point("gitlab.before_create")
	err = e.createBranch(ctx, r, file)
	e.cfg.Point("gitlab.after_create")
	if err != nil {
		return engine.Workload{}, e.withdrawn(ctx, r, refused("create the run's branch in "+r.Project, err))
	}
	e.cfg.Logger.InfoContext(ctx, "run started", slog.String("run_id", r.ID.String()), slog.String("project", r.Project))
	if p, err := e.pipeline(ctx, r); err == nil && p != nil {
		return workloadOf(r, p), nil
	}
	return onBranch(r), nil
}

// withdrawn takes back what was stored for a run that GitLab refuses: nobody will ask
// for its end. After any other error the next try goes on with it.
func (e *Engine) withdrawn(ctx context.Context, r engine.Run, err error) error {
	if _, refused := errors.AsType[*domain.Error](err); refused {
		if failed := e.clean(ctx, r); failed != nil {
			e.cfg.Logger.WarnContext(ctx, "tokens of a refused run not removed", slog.String("run_id", r.ID.String()), slog.Any("error", failed))
		}
	}
	return err
}

// onBranch is the handle of a run whose pipeline GitLab has yet to make.
func onBranch(r engine.Run) engine.Workload {
	return engine.Workload{ID: "branch " + branchOf(r) + " of " + r.Project}
}

// Lookup says whether GitLab has the run.
func (e *Engine) Lookup(ctx context.Context, r engine.Run) (engine.State, engine.Workload, error) {
	if r.Project == "" || planted.Bug("start_not_looked_up") {
		return engine.StateUnknown, engine.Workload{}, nil
	}
	p, err := e.pipeline(ctx, r)
	if err != nil {
		return "", engine.Workload{}, err
	}
	if p != nil {
		state := engine.StateRunning
		if over(p.Status) {
			state = engine.StateFinished
		}
		return state, workloadOf(r, p), nil
	}
	switch _, err := e.branch(ctx, r); {
	case err == nil:
		return engine.StateRunning, onBranch(r), nil
	case errors.Is(err, gl.ErrNotFound):
		return engine.StateUnknown, engine.Workload{}, nil
	default:
		return "", engine.Workload{}, fmt.Errorf("look for the branch of run %s: %w", r.ID, err)
	}
}

// Stop cancels the run's pipeline. Where it has not been made yet, the branch is
// removed so that it never is.
func (e *Engine) Stop(ctx context.Context, r engine.Run) error {
	if r.Project == "" {
		return nil
	}
	p, err := e.pipeline(ctx, r)
	switch {
	case err != nil:
		return err
	case p == nil:
		return e.clean(ctx, r)
	case over(p.Status):
		return nil
	}
	_, _, err = e.cfg.Client.Pipelines.CancelPipelineBuild(r.Project, p.ID, gl.WithContext(ctx))
	if err != nil && !errors.Is(err, gl.ErrNotFound) {
		return fmt.Errorf("cancel pipeline %d of %s: %w", p.ID, r.Project, err)
	}
	return nil
}

// pipeline is the pipeline of a run, nil where there is none.
func (e *Engine) pipeline(ctx context.Context, r engine.Run) (*gl.PipelineInfo, error) {
	list, _, err := e.cfg.Client.Pipelines.ListProjectPipelines(r.Project, &gl.ListProjectPipelinesOptions{
		Ref: new(branchOf(r)), OrderBy: new("id"), Sort: new("asc"), ListOptions: gl.ListOptions{PerPage: 1},
	}, gl.WithContext(ctx))
	if errors.Is(err, gl.ErrNotFound) || err == nil && len(list) == 0 {
		return nil, nil //nolint:nilnil // none is an answer
	}
	if err != nil {
		return nil, fmt.Errorf("look for the pipeline of run %s: %w", r.ID, err)
	}
	return list[0], nil
}

func (e *Engine) branch(ctx context.Context, r engine.Run) (*gl.Branch, error) {
	b, _, err := e.cfg.Client.Branches.GetBranch(r.Project, branchOf(r), gl.WithContext(ctx))
	return b, err
}

func workloadOf(r engine.Run, p *gl.PipelineInfo) engine.Workload {
	return engine.Workload{ID: fmt.Sprintf(workloadFormat, p.ID, r.Project), Detail: p.WebURL}
}

// refused makes a refusal of what GitLab will not do however often it is asked. Of
// anything else it is unknown what came of it.
func refused(what string, err error) error {
	if err == nil {
		return nil
	}
	if code := status(err); code < 400 || tryAgain(code) {
		return fmt.Errorf("%s: %w", what, err)
	}
	return &domain.Error{
		Code: domain.CodeForbidden, Message: fmt.Sprintf("GitLab refused to %s: %s", what, said(err)),
		Fix: "see that the project exists and that the token of the engine is that of a maintainer of it", Err: err,
	}
}

// tryAgain says whether an answer may be another one a while later.
func tryAgain(status int) bool {
	return status >= 500 || status == http.StatusRequestTimeout || status == http.StatusTooManyRequests
}

// status is GitLab's answer, 0 where there was none.
func status(err error) int {
	if e, ok := errors.AsType[*gl.ErrorResponse](err); ok {
		return e.StatusCode
	}
	return 0
}

func said(err error) string {
	if e, ok := errors.AsType[*gl.ErrorResponse](err); ok {
		return strings.TrimSpace(fmt.Sprintf("%d %s", e.StatusCode, e.Message))
	}
	return err.Error()
}
