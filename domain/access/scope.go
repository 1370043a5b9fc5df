package access

import (
	"fmt"

	"github.com/duolog/duolog/domain"
)

// Scope is how much of what its owner may do a token carries. Each one covers
// those before it.
type Scope string

// The scopes. A token that names none has all of a member: ScopeWrite.
const (
	ScopeRead  Scope = "read"
	ScopeWrite Scope = "write"
	ScopeAdmin Scope = "admin"
)

// Covers says whether the scope is enough for what needs another.
func (s Scope) Covers(need Scope) bool { return s.rank() >= need.rank() }

// Check refuses a scope that is none.
func (s Scope) Check() error {
	if s == "" || s.rank() > 0 {
		return nil
	}
	return domain.InvalidField("scope", fmt.Sprintf("%.40q is no scope", string(s)), "use read, write or admin")
}

// Require is the refusal of a token whose scope is not enough.
func (s Scope) Require(need Scope) error {
	if s.Covers(need) {
		return nil
	}
	return &domain.Error{
		Code: domain.CodeScope, Message: fmt.Sprintf("the token's scope is %s, and this needs %s", s.name(), need),
		Fix: "use a token with that scope: duolog token create --scope " + string(need),
	}
}

func (s Scope) name() Scope {
	if s == "" {
		return ScopeWrite
	}
	return s
}

func (s Scope) rank() int {
	switch s.name() {
	case ScopeRead:
		return 1
	case ScopeWrite:
		return 2
	case ScopeAdmin:
		return 3
	}
	return 0
}
