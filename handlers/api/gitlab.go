package api

import "github.com/duolog/duolog/domain"

// takeGitLab answers POST /v1/gitlab/hooks: a GitLab says that a job of its has changed.
func (s *Server) takeGitLab(c *call) (answer, error) {
	if s.cfg.GitLab == nil {
		return answer{}, &domain.Error{Code: domain.CodeUnauthenticated, Message: "this server expects no hooks of a GitLab", Fix: "set gitlab_hook_secret_file or gitlab_hook_signing_file"}
	}
	if err := s.cfg.GitLab.Take(c.Request); err != nil {
		return answer{}, err
	}
	return ok([]byte(`{}`)), nil
}
