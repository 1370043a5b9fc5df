package fakegitlab

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/duolog/duolog/internal/fakegitlab/instance"
)

// gitRequest is what a git client asks of a repository.
type gitRequest struct {
	project, rest string
	write         bool
}

// parseGit recognises the addresses of git clients: <path>.git/info/refs and
// the two services.
func parseGit(r *http.Request) (gitRequest, bool) {
	project, rest, found := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), ".git/")
	known := rest == "info/refs" || rest == "git-upload-pack" || rest == "git-receive-pack"
	service := rest + r.URL.Query().Get("service")
	return gitRequest{project, rest, strings.HasSuffix(service, "git-receive-pack")}, found && known
}

// serveGit lets a git client clone or push. Its password is a token; the name
// does not count.
func (s *Server) serveGit(w http.ResponseWriter, r *http.Request, g gitRequest) {
	c := &call{Request: r, s: s, w: w, now: s.now()}
	var p *instance.Project
	err := c.locked(func() (err error) {
		p, err = c.gitProject(g)
		return err
	})
	if refused, ok := errors.AsType[*refusal](err); ok {
		if refused.status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Basic realm="GitLab"`)
		}
		http.Error(w, http.StatusText(refused.status), refused.status)
		return
	}
	pushed, err := s.repos.Serve(w, r, p.ID, g.rest)
	for _, branch := range pushed {
		head, unknown := s.repos.Commit(r.Context(), p.ID, branch)
		if unknown != nil {
			continue // the branch is gone again
		}
		err = errors.Join(err, s.pushed(r.Context(), p.ID, branch, head, c.actor.user.ID))
	}
	if err != nil {
		s.cfg.Logger.ErrorContext(r.Context(), "fake GitLab: git request failed", slog.String("path", r.URL.Path), slog.Any("error", err))
	}
}

// gitProject is the project of a git request, for who may do that.
func (c *call) gitProject(g gitRequest) (*instance.Project, error) {
	p := c.s.state.Project(g.project)
	_, password, given := c.BasicAuth()
	switch {
	case !given && p != nil && p.Visibility == instance.Public && !g.write:
		return p, nil
	case !given:
		return nil, refuse(http.StatusUnauthorized, "401 Unauthorized")
	}
	who, err := c.s.identify(c, password)
	if err != nil {
		return nil, refuse(http.StatusUnauthorized, "401 Unauthorized")
	}
	c.actor = who
	need, scopes := instance.Reporter, []string{instance.ScopeAPI, instance.ScopeAIWorkflows, instance.ScopeReadRepo, instance.ScopeWriteRepo}
	if g.write {
		need, scopes = instance.Developer, []string{instance.ScopeAPI, instance.ScopeAIWorkflows, instance.ScopeWriteRepo}
	}
	switch {
	case p == nil:
		return nil, notFound("Project")
	case who.token.Job != 0 && (g.write || !c.s.ownJob(who.token.Job, p)):
		return nil, forbidden() // a job's token reads its own project
	case who.token.Job == 0 && !who.token.Has(scopes...):
		return nil, forbidden()
	}
	return p, who.allow(c.s.state, instance.KindProject, p.ID, p.Visibility == instance.Public, need)
}

func (s *Server) ownJob(id int64, p *instance.Project) bool {
	j := s.state.Jobs[id]
	return j != nil && j.Project == p.ID
}
