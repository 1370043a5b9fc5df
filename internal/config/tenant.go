package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/alecthomas/kong"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/domain/routing"
	"github.com/duolog/duolog/domain/workflow"
)

// Tenant is one customer of a deployment and what their workflows start with.
type Tenant struct {
	// Name leads the key of every record of the tenant, for ever.
	Name domain.Tenant `json:"name"`
	// Directory says where it stands who is who: config, what this says, or duolog,
	// Duolog's own directory.
	Directory string `json:"directory"`
	// Namespace and Project are where a workflow belongs that names none.
	Namespace workflow.Container `json:"namespace"`
	Project   workflow.Container `json:"project"`
	// Flow is the one that a message starts.
	Flow workflow.Flow `json:"flow"`
	// Flows lists the definitions that may be started; empty is Flow's only.
	Flows []string `json:"flows"`
	// Flags lists the feature flags that are on for the tenant.
	Flags []string `json:"flags"`
	// Model is the metadata of the model that a run gets whose workflow has none; empty
	// leaves it to the agent.
	Model string `json:"model"`
	// ServiceAccount acts for the user; empty where users act alone.
	ServiceAccount string `json:"service_account"`
	// Engine runs the agents: local or gitlab.
	Engine string `json:"engine"`
	// Engines are those that take a run in turn where the one before cannot: Engine
	// first.
	Engines []string `json:"engines"`
	// Routing are the rules that choose the flow of a message; the first that matches
	// wins, and without one it is Flow.
	Routing []routing.Rule `json:"routing"`
	// FollowUp says what becomes of a message while its thread's workflow runs.
	FollowUp workflow.FollowUpPolicy `json:"follow_up"`
	// Gates are what a flow must pass beside the access of whoever starts it.
	Gates Gates `json:"gates"`
	// AllowRunless lets clients without a run's token write a workflow's state:
	// savers that are not started by an engine need it, an agent's own writes
	// do not.
	AllowRunless bool `json:"allow_runless"`
	// Threads is what holds for the threads of LangGraph's savers.
	Threads Threads `json:"threads"`
	// DefaultUser is who asks when a message names nobody; empty refuses it.
	DefaultUser string `json:"default_user"`
	// Deny lists what nobody may do in the tenant: start, resume, steer, stop, fork,
	// redeliver, use_tool.
	Deny []access.Action `json:"deny"`
	// DenyTools lists the tools that no agent may use in the tenant.
	DenyTools []string `json:"deny_tools"`
	// Hooks are told what happens to the tenant's workflows.
	Hooks []Hook `json:"hooks"`
}

// What Directory may be.
const (
	DirectoryConfig = "config"
	DirectoryDuolog = "duolog"
	// DirectoryGitLab asks the GitLab of the deployment for users, groups, projects and
	// members, and the configuration for what is switched on.
	DirectoryGitLab = "gitlab"
)

// Gates let a flow pass that is one of each list; an empty list lets everything pass.
type Gates struct {
	// Plans are the plans of a group, as the directory says them.
	Plans []string `json:"plans"`
	// Maturities are those of a flow, as the catalog says them.
	Maturities []string `json:"maturities"`
}

// What Writers of Threads may be.
const (
	WritersAllow = "allow"
	WritersFence = "fence"
)

// Threads is what holds for the threads of a tenant, unless one says otherwise.
type Threads struct {
	// Writers says what happens where two write to one thread: allow keeps the branches
	// of both, fence refuses the one that was overtaken.
	Writers string `json:"writers"`
	// TTL is how long after its last write a thread is kept; 0 is for ever.
	TTL Duration `json:"ttl"`
	// TTLStrategy says what is left then: delete leaves nothing, keep_latest the newest
	// checkpoint of each namespace.
	TTLStrategy string `json:"ttl_strategy"`
}

// Hook is an address that is told of events.
type Hook struct {
	// Name is what callback contexts and the log call it.
	Name string `json:"name"`
	URL  string `json:"url"`
	// SecretFiles each hold a key in their first line, whsec_ or whsk_; two while
	// one is replaced by the other.
	SecretFiles []string `json:"secret_files"`
	// Events it is told of for every workflow; empty leaves it to workflows that
	// name it.
	Events []string `json:"events"`
	// Within limits that to a namespace or project and what is below it.
	Within string `json:"within"`
	// Disabled hooks are told nothing.
	Disabled bool `json:"disabled"`
	// Revision is changed to call a hook again that answered 410 Gone.
	Revision string `json:"revision"`
}

func (t Tenant) checkTriggers(p *problems, field string) {
	oneOf(p, field+"follow_up", string(t.FollowUp), string(workflow.FollowUpInject), string(workflow.FollowUpQueue), string(workflow.FollowUpRefuse))
	for i, rule := range t.Routing {
		if e, bad := errors.AsType[*domain.Error](rule.Validate()); bad {
			p.want(false, fmt.Sprintf("%srouting[%d].%s", field, i, e.Field), e.Message, e.Fix)
		}
	}
}

// Allows says whether the tenant may start a flow.
func (t Tenant) Allows(definition string) bool { return slices.Contains(t.Flows, definition) }

// Token lets one user of a tenant in. One of SHA256 and TokenFile says what
// secret they show.
type Token struct {
	Tenant         domain.Tenant `json:"tenant"`
	User           string        `json:"user"`
	ServiceAccount string        `json:"service_account"`
	// Scope is how much the token carries of what the user may: read, write (default)
	// or admin.
	Scope access.Scope `json:"scope"`
	// SHA256 is the hash of the secret, in hexadecimal.
	SHA256 string `json:"sha256"`
	// TokenFile holds the secret in its first line; only its owner may read it.
	TokenFile string `json:"token_file"`
}

// Tenants is the list of tenants of the file.
type Tenants []Tenant

// Tokens is the list of tokens of the file.
type Tokens []Token

// Uses says whether a run of the tenant may come to an engine.
func (t Tenant) Uses(engine string) bool {
	return t.Engine == engine || slices.Contains(t.Engines, engine)
}

// Find is the tenant of that name.
func (t Tenants) Find(name domain.Tenant) (Tenant, bool) {
	i := slices.IndexFunc(t, func(t Tenant) bool { return t.Name == name })
	if i < 0 {
		return Tenant{}, false
	}
	return t[i], true
}

func (t Tenants) withDefaults() Tenants {
	out := slices.Clone(t)
	for i := range out {
		if out[i].Engine == "" && len(out[i].Engines) > 0 {
			out[i].Engine = out[i].Engines[0]
		}
		out[i].Directory = cmp.Or(out[i].Directory, DirectoryConfig)
		out[i].Engine = cmp.Or(out[i].Engine, engineLocal)
		out[i].FollowUp = cmp.Or(out[i].FollowUp, workflow.FollowUpInject)
		out[i].Threads.Writers = cmp.Or(out[i].Threads.Writers, WritersAllow)
		out[i].Threads.TTLStrategy = cmp.Or(out[i].Threads.TTLStrategy, string(workflow.PruneDelete))
		if len(out[i].Flows) == 0 && out[i].Flow.Definition != "" {
			out[i].Flows = []string{out[i].Flow.Definition}
		}
	}
	return out
}

// Decode takes the list from the file; a flag cannot hold it.
func (t *Tenants) Decode(ctx *kong.DecodeContext) error {
	list, ok := ctx.Scan.Pop().Value.(Tenants)
	if !ok {
		return errFileOnly
	}
	*t = list
	return nil
}

// Decode takes the list from the file; a flag cannot hold it.
func (t *Tokens) Decode(ctx *kong.DecodeContext) error {
	list, ok := ctx.Scan.Pop().Value.(Tokens)
	if !ok {
		return errFileOnly
	}
	*t = list
	return nil
}

var errFileOnly = errors.New("this list can only stand in the configuration file (--config)")

func devTenant() Tenant {
	return Tenant{
		Name:           "acme",
		Directory:      DirectoryDuolog,
		Namespace:      workflow.Container{ID: 1, Path: "acme"},
		Project:        workflow.Container{ID: 2, Path: "acme/duo-workspace"},
		Flow:           workflow.Flow{Definition: "developer/v1"},
		Flows:          []string{"developer/v1"},
		ServiceAccount: "duo-developer", Engine: engineLocal, AllowRunless: true, DefaultUser: "you",
	}
}
