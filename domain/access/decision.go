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
	// Gone says that the directory has nobody of that login.
	Gone bool
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
	// Tool is what UseTool is about.
	Tool string
	// Tenant is what the configuration denies everywhere, Group what the root group does.
	Tenant, Group Denial
	Scope         Scope
	Basis         []Basis
}

// Denial is what is denied to everybody somewhere, whoever they are.
type Denial struct {
	Actions []Action
	Tools   []string
	// Path is that of the root group that says so, and Owners can change it; empty for
	// the configuration of the tenant.
	Path   string
	Owners []string
}

// denies says which of the lists denies, by its name there; empty for none.
func (d Denial) denies(f Facts) string {
	actions, tools := directory.PolicyDeniedActions, directory.PolicyDeniedTools
	if d.Path == "" {
		actions, tools = "deny", "deny_tools"
	}
	switch {
	case slices.Contains(d.Actions, f.Action):
		return actions
	case f.Tool != "" && slices.Contains(d.Tools, f.Tool):
		return tools
	}
	return ""
}

// fix says who can take something off a list, and how.
func (d Denial) fix(list string) string {
	if d.Path == "" {
		return "ask an administrator to take it off " + list + " of the tenant in the configuration"
	}
	return fmt.Sprintf("%s can take it off the list: duolog namespace set %s --policy %s=…", directory.NameOwners(d.Owners), d.Path, list)
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

	// doing says the action for people, relief how a denial of the namespace ends.
	doing, relief string
}

// Decide takes the least of what the human, the account that acts for them, the flow,
// the namespace and the token allow. One that denies is enough.
func Decide(f Facts) Decision {
	d := Decision{
		User: f.Human.Login, ServiceAccount: f.Account.Login, Action: f.Action, Path: f.Path, Flow: f.Flow.Reference,
		Allowed: true, Rule: RuleAll, Basis: append([]Basis{}, f.Basis...), doing: f.doing(),
	}
	n, known := f.Action.need()
	namespace, relief := f.namespace()
	d.Parts, d.relief = []Part{f.human(n, known), f.account(n), f.flow(n), namespace, f.scope(n)}, relief
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

// doing is the action as people say it.
func (f Facts) doing() string {
	if f.Tool != "" {
		return "use " + f.Tool
	}
	return string(f.Action)
}

func (f Facts) flow(n need) Part {
	tools := f.Flow.tools()
	switch {
	case n.flow && !f.Flow.Enabled && f.Flow.Off != nil:
		return Part{RuleFlow, false, f.Flow.Off.Message}
	case n.flow && !f.Flow.Enabled:
		return Part{RuleFlow, false, fmt.Sprintf("the %s flow is not enabled for %s", f.Flow.Reference, f.Path)}
	case f.Flow.Reference == "":
		return Part{RuleFlow, true, "no flow is asked for"}
	case f.Tool != "" && f.Flow.Tools != nil && !slices.Contains(f.Flow.Tools, f.Tool):
		return Part{RuleFlow, false, fmt.Sprintf("%s may use %s, and %s is none of them", f.Flow.Reference, tools, f.Tool)}
	}
	return Part{RuleFlow, true, f.Flow.Reference + " may use " + tools}
}

// maxNamed is how many tools of a flow are named where they are told to people.
const maxNamed = 12

// tools says which tools a flow has.
func (f Flow) tools() string {
	switch n := len(f.Tools); {
	case f.Tools == nil:
		return "any tool"
	case n == 0:
		return "no tool"
	case n > maxNamed:
		return fmt.Sprintf("the tools %s and %d more", strings.Join(f.Tools[:maxNamed], ", "), n-maxNamed)
	}
	return "the tools " + strings.Join(f.Tools, ", ")
}

// namespace is what the namespace says, and how its denial ends.
func (f Facts) namespace() (says Part, relief string) {
	for _, d := range []Denial{f.Tenant, f.Group} {
		if list := d.denies(f); list != "" {
			return Part{RuleNamespace, false, "the namespace lets nobody " + f.doing() + ": it is on its list " + list}, d.fix(list)
		}
	}
	return Part{RuleNamespace, true, "the namespace does not deny it"}, ""
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
	case m.Gone:
		return "there is no user " + m.Login
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
		Code: domain.CodeAccessDenied, Message: fmt.Sprintf("%s may not %s in %s: %s", d.who(), d.doing, d.Path, said), Fix: d.fix(),
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
		if d.Action == UseTool {
			return "go on without it; what the flow may use stands in its definition: duolog flow show " + d.Flow
		}
		return "ask an owner of " + d.Path + " to enable the flow"
	case RuleNamespace:
		return d.relief
	case RuleScope:
		return "use a token with a wider scope: duolog token create"
	case RuleAll:
	}
	return ""
}
