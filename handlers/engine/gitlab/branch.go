package gitlab

import (
	"context"
	"time"

	gl "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/planted"
	"github.com/duolog/duolog/handlers/engine"
)

// branchAge is how long a default branch is believed to be one. Longer begins runs on a
// branch that is the default no more, as long as it is there; shorter asks more often.
const branchAge = 10 * time.Minute

// remembered is a default branch and when GitLab named it.
type remembered struct {
	name string
	at   time.Time
}

// createBranch creates the branch of a run, with its definition, on the default branch of
// its project. One that is there is no error.
func (e *Engine) createBranch(ctx context.Context, r engine.Run, file []byte) error {
	start, fresh, err := e.defaultBranch(ctx, r.Project)
	if err != nil {
		return err
	}
	err = e.commitTo(ctx, r, start, file)
	if status(err) < 400 || tryAgain(status(err)) {
		return err
	}
	if _, found := e.branch(ctx, r); found == nil {
		if planted.Bug("start_not_looked_up") {
			_, _ = e.cfg.Client.Branches.DeleteBranch(r.Project, branchOf(r), gl.WithContext(ctx))
			return e.createBranch(ctx, r, file)
		}
		return nil // an earlier try created it
	}
	if fresh {
		return err
	}
	// The branch to begin with may be gone: it was renamed.
	e.begins.Delete(r.Project)
	if start, _, err = e.defaultBranch(ctx, r.Project); err != nil {
		return err
	}
	return e.commitTo(ctx, r, start, file)
}

func (e *Engine) commitTo(ctx context.Context, r engine.Run, start string, file []byte) error {
	_, _, err := e.cfg.Client.Commits.CreateCommit(r.Project, &gl.CreateCommitOptions{
		Branch: new(branchOf(r)), StartBranch: &start, CommitMessage: new("Run " + r.ID.String()),
		Actions: []*gl.CommitActionOptions{{
			Action: new(gl.FileCreate), FilePath: new(definitionFile), Content: new(string(file)),
		}},
	}, gl.WithContext(ctx))
	return err
}

// defaultBranch is what the branches of runs begin with, and whether GitLab was asked
// for it now. A project with a CI file of its own on it would refuse the run's: the
// workspace has none.
func (e *Engine) defaultBranch(ctx context.Context, project string) (name string, fresh bool, err error) {
	now := e.cfg.Now()
	if known, ok := e.begins.Load(project); ok {
		if b, _ := known.(remembered); now.Sub(b.at) < branchAge {
			return b.name, false, nil
		}
	}
	p, _, err := e.cfg.Client.Projects.GetProject(project, nil, gl.WithContext(ctx))
	if err != nil {
		return "", false, err
	}
	if p.DefaultBranch == "" {
		return "", false, &domain.Error{
			Code: domain.CodeConflict, Message: "the project " + project + " has no commit to begin a branch with", Fix: "add a README to it",
		}
	}
	e.begins.Store(project, remembered{p.DefaultBranch, now})
	return p.DefaultBranch, true, nil
}
