package instance

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// User is an account: a person's, or the service account of a group.
type User struct {
	ID       int64  `json:"id"`
	Username string `json:"username"`
	Name     string `json:"name"`
	Email    string `json:"email"`
	Admin    bool   `json:"admin,omitempty"`
	Blocked  bool   `json:"blocked,omitempty"`
	// ServiceAccount says that no person is behind it; Group is who made it.
	ServiceAccount bool      `json:"service_account,omitempty"`
	Group          int64     `json:"group,omitempty"`
	CreatedAt      time.Time `json:"created_at"`
}

// Scopes that mean something here.
const (
	ScopeAPI         = "api"
	ScopeReadAPI     = "read_api"
	ScopeReadUser    = "read_user"
	ScopeAIWorkflows = "ai_workflows"
	ScopeMCP         = "mcp"
	ScopeReadRepo    = "read_repository"
	ScopeWriteRepo   = "write_repository"
	// ScopeUser and a number: the person a service account acts for.
	ScopeUser = "user:"
)

// Token lets a request in as its user.
type Token struct {
	ID     int64    `json:"id"`
	Value  string   `json:"value"`
	User   int64    `json:"user"`
	Name   string   `json:"name,omitempty"`
	Scopes []string `json:"scopes,omitempty"`
	// For is the person that a composite token acts for; 0 without one.
	For int64 `json:"for,omitempty"`
	// Job is the job whose token it is; it counts while that runs.
	Job       int64      `json:"job,omitempty"`
	Revoked   bool       `json:"revoked,omitempty"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
}

// Active says whether the token lets anybody in.
func (t *Token) Active(now time.Time) bool { return !t.Revoked && !passed(t.ExpiresAt, now) }

// Has says whether the token has one of the scopes.
func (t *Token) Has(scopes ...string) bool {
	return slices.ContainsFunc(scopes, func(s string) bool { return slices.Contains(t.Scopes, s) })
}

// AddUser takes an account in; its number and time of creation are filled in.
func (s *State) AddUser(u User, now time.Time) *User {
	u.ID, u.CreatedAt = s.Next("user"), now
	s.Users[u.ID] = &u
	return &u
}

// AddToken takes a token in.
func (s *State) AddToken(t Token, now time.Time) *Token {
	t.ID, t.CreatedAt = s.Next("token"), now
	s.Tokens[t.ID] = &t
	return &t
}

// Token finds a token by its value.
func (s *State) Token(value string) *Token {
	for _, t := range s.Tokens {
		if t.Value == value {
			return t
		}
	}
	return nil
}

// UserNamed finds an account by name, whatever the case.
func (s *State) UserNamed(username string) *User {
	for _, u := range s.Users {
		if strings.EqualFold(u.Username, username) {
			return u
		}
	}
	return nil
}

// RemoveUser takes an account out, with its tokens and memberships.
func (s *State) RemoveUser(id int64) {
	maps.DeleteFunc(s.Tokens, func(_ int64, t *Token) bool { return t.User == id || t.For == id })
	s.Members = slices.DeleteFunc(s.Members, func(m *Member) bool { return m.User == id })
	delete(s.Users, id)
}

// ForgetComposite takes composite tokens out that ended before a time.
func (s *State) ForgetComposite(before time.Time) {
	maps.DeleteFunc(s.Tokens, func(_ int64, t *Token) bool { return t.For != 0 && t.ExpiresAt != nil && t.ExpiresAt.Before(before) })
}
