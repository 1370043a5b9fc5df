package fakegitlab

import (
	"net/http"
	"strings"

	"github.com/duolog/duolog/internal/fakegitlab/instance"
)

// actor is as whom a request comes: an account, and for a composite token the
// person it acts for.
type actor struct {
	user  *instance.User
	human *instance.User
	token *instance.Token
}

// secret is the token that a request brings.
func secret(r *http.Request) string {
	if value := r.Header.Get("Private-Token"); value != "" {
		return value
	}
	if value, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return value
	}
	return r.URL.Query().Get("private_token")
}

// authenticate finds out who calls and whether the token is for such a call.
func (c *call) authenticate() error {
	value := secret(c.Request)
	if value == "" {
		return refuse(http.StatusUnauthorized, "401 Unauthorized")
	}
	who, err := c.s.identify(c, value)
	if err != nil {
		return err
	}
	if who.token.Job != 0 {
		return refuse(http.StatusUnauthorized, "401 Unauthorized") // job tokens are for git
	}
	if !scoped(who.token, c.Method, c.URL.Path) {
		return &refusal{http.StatusForbidden, map[string]any{
			"error": "insufficient_scope", "error_description": "The request requires higher privileges than provided by the access token.", "scope": "api",
		}}
	}
	c.actor = who
	return nil
}

// scoped says whether a token's scopes cover a call.
func scoped(t *instance.Token, method, path string) bool {
	switch {
	case t.Has(instance.ScopeAPI, instance.ScopeAIWorkflows):
		return true
	case method != http.MethodGet:
		return false
	case t.Has(instance.ScopeReadAPI):
		return true
	}
	return t.Has(instance.ScopeReadUser) && strings.HasPrefix(path, "/api/v4/user")
}

// identify turns a token into an actor.
func (s *Server) identify(c *call, value string) (actor, error) {
	t := s.state.Token(value)
	switch {
	case t == nil:
		return actor{}, refuse(http.StatusUnauthorized, "401 Unauthorized")
	case t.Revoked:
		return actor{}, errorWord(http.StatusUnauthorized, "invalid_token", "Token was revoked. You have to re-authorize from the user.")
	case !t.Active(c.now):
		return actor{}, errorWord(http.StatusUnauthorized, "invalid_token", "Token is expired. You can either do re-authorization or token refresh.")
	}
	who := actor{user: s.user(t.User), human: s.user(t.For), token: t}
	if who.user == nil || who.user.Blocked {
		return actor{}, refuse(http.StatusForbidden, "403 Forbidden - Your account has been blocked.")
	}
	if t.For != 0 && (who.human == nil || who.human.Blocked) {
		return actor{}, forbidden()
	}
	return who, nil
}

// allow holds an actor to a level in a container. Where either half of a
// composite identity lacks access it is 403; what nobody of them sees is 404.
func (a actor) allow(s *instance.State, kind string, id int64, public bool, need int) error {
	level := s.Level(a.user, kind, id)
	lowest, highest := level, level
	if a.human != nil {
		other := s.Level(a.human, kind, id)
		lowest, highest = min(level, other), max(level, other)
	}
	switch {
	case highest == 0 && !public:
		return notFound(title(kind))
	case lowest < need && (!public || need > instance.Reporter):
		return forbidden()
	}
	return nil
}

func title(kind string) string { return strings.ToUpper(kind[:1]) + kind[1:] }

// project finds the project of the path, for someone with at least a level.
func (c *call) project(need int) (*instance.Project, error) {
	p := c.s.state.Project(c.PathValue("id"))
	if p == nil {
		return nil, notFound("Project")
	}
	return p, c.actor.allow(c.s.state, instance.KindProject, p.ID, p.Visibility == instance.Public, need)
}

// group finds the group of the path, for someone with at least a level.
func (c *call) group(need int) (*instance.Group, error) {
	g := c.s.state.Group(c.PathValue("id"))
	if g == nil {
		return nil, notFound("Group")
	}
	return g, c.actor.allow(c.s.state, instance.KindGroup, g.ID, g.Visibility == instance.Public, need)
}

// admin is for administrators alone.
func (c *call) admin() error {
	if !c.actor.user.Admin || c.actor.human != nil && !c.actor.human.Admin {
		return forbidden()
	}
	return nil
}
