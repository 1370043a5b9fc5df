package access

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/directory"
)

// Member is what is known of somebody at a place.
type Member struct {
	// Login is empty where there is nobody.
	Login string
	Level directory.Level
	// Admin passes every check of the level.
	Admin   bool
	Blocked bool
	// Given says that what they lack of the level they get with what is decided about.
	Given bool
}

// Flow is what is known of a flow at a place.
type Flow struct {
	Reference string
	Enabled   bool
	// Off says why it is not enabled, and what is done about that; nil where nobody says.
	Off *domain.Error
	// Tools are those that its definition gives it; nil is any.
	Tools []string
}

// Facts are what a decision rests on. Who gathers them asked the directory.
type Facts struct {
	Action Action
	// Path is the project or group it is about.
	Path  string
	Human Member
	// Starter says that the human started what it is about.
	Starter bool
	// Account acts for the human; nobody where the human acts alone.
	Account Member
	Flow    Flow
	// Denied are the actions that the namespace lets nobody do.
	Denied []Action
	Scope  Scope
	Basis  []Basis
}

// Basis says what facts rest on: who was asked, and when.
type Basis struct {
	// Source is config, directory or gitlab.
	Source string `json:"source"`
	// Position is that of the log, for a source that derives from it.
	Position string    `json:"position,omitempty"`
	At       time.Time `json:"at,omitzero"`
}

// Rule is one of the parts that have to agree. The least of them counts.
type Rule string

// The rules, in the order in which they are asked.
const (
	RuleHuman     Rule = "human"
	RuleAccount   Rule = "service_account"
	RuleFlow      Rule = "flow"
	RuleNamespace Rule = "namespace"
	RuleScope     Rule = "scope"
	// RuleAll is what allows: all of them agree.
	RuleAll Rule = "all"
)

// Part is what one rule says.
type Part struct {
	Rule    Rule   `json:"rule"`
	Allowed bool   `json:"allowed"`
	Says    string `json:"says"`
}

// Decision is who may do what where, or not, and why.
type Decision struct {
	User           string  `json:"user"`
	ServiceAccount string  `json:"service_account,omitempty"`
	Action         Action  `json:"action"`
	Path           string  `json:"path"`
	Flow           string  `json:"flow"`
	Allowed        bool    `json:"allowed"`
	Rule           Rule    `json:"rule"`
	Parts          []Part  `json:"parts"`
	Basis          []Basis `json:"basis"`
}

// Decide takes the least of what the human, the account that acts for them, the flow,
// the namespace and the token allow. One that denies is enough.
func Decide(f Facts) Decision {
	d := Decision{
		User: f.Human.Login, ServiceAccount: f.Account.Login, Action: f.Action, Path: f.Path, Flow: f.Flow.Reference,
		Allowed: true, Rule: RuleAll, Basis: append([]Basis{}, f.Basis...),
	}
	n, known := f.Action.need()
	d.Parts = []Part{f.human(n, known), f.account(n), f.flow(n), f.namespace(), f.scope(n)}
	for _, p := range d.Parts {
		if !p.Allowed {
			d.Allowed, d.Rule = false, p.Rule
			break
		}
	}
	return d
}

func (f Facts) human(n need, known bool) Part {
	p := Part{Rule: RuleHuman, Allowed: known && f.Human.has(n.human), Says: f.Human.says(f.Path, n.human)}
	if !p.Allowed && known && n.starter && f.Starter && !f.Human.Blocked {
		return Part{RuleHuman, true, f.Human.Login + " started it"}
	}
	return p
}

func (f Facts) account(n need) Part {
	switch {
	case n.account == directory.None:
		return Part{RuleAccount, true, "no service account acts"}
	case f.Account.Login == "":
		return Part{RuleAccount, true, "the flow has no service account: the human acts alone"}
	}
	return Part{RuleAccount, f.Account.has(n.account), f.Account.says(f.Path, n.account)}
}

func (f Facts) flow(n need) Part {
	tools := "any tool"
	if f.Flow.Tools != nil {
		tools = "the tools " + strings.Join(f.Flow.Tools, ", ")
	}
	switch {
	case n.flow && !f.Flow.Enabled && f.Flow.Off != nil:
		return Part{RuleFlow, false, f.Flow.Off.Message}
	case n.flow && !f.Flow.Enabled:
		return Part{RuleFlow, false, fmt.Sprintf("the %s flow is not enabled for %s", f.Flow.Reference, f.Path)}
	case f.Flow.Reference == "":
		return Part{RuleFlow, true, "no flow is asked for"}
	}
	return Part{RuleFlow, true, f.Flow.Reference + " may use " + tools}
}

func (f Facts) namespace() Part {
	if slices.Contains(f.Denied, f.Action) {
		return Part{RuleNamespace, false, "the namespace lets nobody " + string(f.Action)}
	}
	return Part{RuleNamespace, true, "the namespace does not deny it"}
}

func (f Facts) scope(n need) Part {
	return Part{RuleScope, f.Scope.Covers(n.scope), fmt.Sprintf("the token's scope is %s, %s is needed", f.Scope.name(), n.scope)}
}

func (m Member) has(level directory.Level) bool {
	return m.Login != "" && !m.Blocked && (m.Admin || m.Given || m.Level >= level)
}

func (m Member) says(path string, need directory.Level) string {
	switch {
	case m.Login == "":
		return "nobody asks"
	case m.Blocked:
		return m.Login + " is blocked"
	case m.Admin:
		return m.Login + " is an administrator"
	case m.Given && m.Level < need:
		return fmt.Sprintf("%s has level %d in %s, and is given %d", m.Login, m.Level, path, need)
	}
	return fmt.Sprintf("%s has level %d in %s, %d is needed", m.Login, m.Level, path, need)
}

// Refusal is the error of a decision that denies; nil for one that allows.
func (d Decision) Refusal() error {
	if d.Allowed {
		return nil
	}
	said := ""
	for _, p := range d.Parts {
		if p.Rule == d.Rule {
			said = p.Says
		}
	}
	return &domain.Error{
		Code: domain.CodeAccessDenied, Message: fmt.Sprintf("%s may not %s in %s: %s", d.who(), d.Action, d.Path, said), Fix: d.fix(),
	}
}

func (d Decision) who() string {
	if d.User == "" {
		return "nobody"
	}
	return d.User
}

func (d Decision) fix() string {
	switch d.Rule {
	case RuleHuman:
		return "ask an owner of " + d.Path + " for the level; duolog access explain shows the parts"
	case RuleAccount:
		return "ask an owner of " + d.Path + " to give " + d.ServiceAccount + " developer access"
	case RuleFlow:
		return "ask an owner of " + d.Path + " to enable the flow"
	case RuleNamespace:
		return "ask an administrator to take it off the list deny of the tenant"
	case RuleScope:
		return "use a token with a wider scope: duolog token create"
	case RuleAll:
	}
	return ""
}
