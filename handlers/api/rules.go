package api

import (
	"errors"
	"slices"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/handlers/entry"
	"github.com/duolog/duolog/handlers/feed"
)

// Rule says who may use a route. Another tenant's things are not there, whatever the
// rule.
type Rule struct {
	// Scope is what a token needs; empty for a route that is open to everybody.
	Scope access.Scope
	// Runs says what the token of a run may do here.
	Runs RunRule
	// Names says what the route names.
	Names Named
}

// Named is what a route names.
type Named string

// What routes name.
const (
	// NamesNothing: each gets what is theirs.
	NamesNothing Named = ""
	// NamesThing: to those whose it is not, it is not there.
	NamesThing Named = "thing"
	// NamesHook: what another system sends, which shows who it is in its own way.
	NamesHook Named = "hook"
	// NamesThread: a thread, by a name that each tenant gives its own threads. To a run
	// whose it is not, it is not there.
	NamesThread Named = "thread"
)

// RunRule says what the token of a run may do.
type RunRule string

// What the tokens of runs may do with a route.
const (
	// RunsNever: it needs a person.
	RunsNever RunRule = "never"
	// RunsOwn: their own workflow; what they read, only while the run lives.
	RunsOwn RunRule = "own workflow"
	// RunsAny: it shows nothing of anybody.
	RunsAny RunRule = "any"
	// RunsOnly: it is for them alone, while the run lives.
	RunsOnly RunRule = "only"
)

// Rules is the table of routes and who may use them. A route that is not in it is not
// served at all.
func Rules() map[string]Rule {
	open := Rule{Runs: RunsAny}
	read, write := Rule{access.ScopeRead, RunsOwn, NamesThing}, Rule{access.ScopeWrite, RunsOwn, NamesThing}
	readThread, writeThread := Rule{access.ScopeRead, RunsOwn, NamesThread}, Rule{access.ScopeWrite, RunsOwn, NamesThread}
	personReads, personWrites := Rule{access.ScopeRead, RunsNever, NamesThing}, Rule{access.ScopeWrite, RunsNever, NamesThing}
	personLists, personMakes := Rule{access.ScopeRead, RunsNever, NamesNothing}, Rule{access.ScopeWrite, RunsNever, NamesNothing}
	const one, directoryPath = workflowsPath + "/{id}", feed.DirectoryPath
	return map[string]Rule{
		"POST " + workflowsPath:                                             personMakes,
		"GET " + workflowsPath:                                              personLists,
		"GET " + workflowsPath + "/agent_privileges":                        {access.ScopeRead, RunsAny, NamesNothing},
		"GET " + one:                                                        read,
		"PATCH " + one:                                                      write,
		"POST " + one + "/checkpoints":                                      write,
		"GET " + one + "/checkpoints":                                       read,
		"GET " + one + "/checkpoints/by_thread_ts":                          read,
		"GET " + one + "/checkpoints/{checkpoint_id}":                       read,
		"POST " + one + "/checkpoint_writes_batch":                          write,
		"POST " + one + "/tool_calls":                                       {access.ScopeWrite, RunsOnly, NamesThing},
		"POST " + one + "/fork":                                             personWrites,
		"POST " + one + "/branch":                                           personWrites,
		"GET " + one + "/fork_preview":                                      read,
		"GET " + one + "/export":                                            read,
		"POST /v1/workflows/import":                                         personMakes,
		"POST " + one + "/events":                                           write,
		"GET " + one + "/events":                                            read,
		"PUT " + one + "/events/{event_id}":                                 write,
		"GET " + one + "/as_of":                                             personReads,
		"GET " + one + "/diff":                                              read,
		"GET " + one + "/timeline":                                          read,
		"GET " + one + "/timeline/{position}/{index}":                       read,
		"GET /v1/events":                                                    personLists,
		"POST /v1/messages":                                                 personMakes,
		"GET /v1/conversations/{id}":                                        personReads,
		"POST /v1/conversations/{id}/retry":                                 personWrites,
		"GET /v1/deliveries":                                                personLists,
		"GET /v1/deliveries/{id}":                                           personReads,
		"POST /v1/deliveries/redeliver":                                     personMakes,
		"POST " + threadsPath + "write":                                     writeThread,
		"POST " + threadsPath + "get":                                       readThread,
		"POST " + threadsPath + "list":                                      {access.ScopeRead, RunsOwn, NamesNothing},
		"POST " + threadsPath + "history":                                   readThread,
		"POST " + threadsPath + "delete":                                    writeThread,
		"POST " + threadsPath + "prune":                                     writeThread,
		"POST " + threadsPath + "delete_runs":                               {access.ScopeWrite, RunsOwn, NamesNothing},
		"POST " + threadsPath + "copy":                                      {access.ScopeWrite, RunsNever, NamesThread},
		"POST " + threadsPath + "retention":                                 write,
		"POST /v1/tokens":                                                   personMakes,
		"GET /v1/tokens":                                                    personLists,
		"DELETE /v1/tokens/{id}":                                            personWrites,
		"GET /v1/access/explain":                                            personLists,
		"GET /v1/flows":                                                     personLists,
		"GET /v1/flows/{reference}":                                         personLists,
		"GET /v1/flows/{reference}/resolve":                                 personLists,
		"POST " + one + "/resume":                                           personWrites,
		"GET " + directoryPath + "/users":                                   personLists,
		"GET " + directoryPath + "/users/{login}":                           personReads,
		"PUT " + directoryPath + "/users/{login}":                           personMakes,
		"DELETE " + directoryPath + "/users/{login}":                        personWrites,
		"GET " + directoryPath + "/namespaces":                              personLists,
		"POST " + directoryPath + "/namespaces/{root}/changes":              personWrites,
		"GET " + directoryPath + "/containers":                              personReads,
		"GET " + directoryPath + "/containers/{ref}":                        personReads,
		"GET " + directoryPath + "/members":                                 personReads,
		"GET " + directoryPath + "/service_accounts":                        personReads,
		"GET " + directoryPath + "/flows":                                   personReads,
		"GET " + directoryPath + "/flags":                                   personReads,
		"GET " + directoryPath + "/check":                                   personLists,
		"GET " + directoryPath + "/export":                                  personLists,
		"POST " + directoryPath + "/apply":                                  personMakes,
		"GET " + directoryPath + "/timeline/{kind}/{id}":                    personReads,
		"GET " + directoryPath + "/timeline/{kind}/{id}/{position}/{index}": personReads,
		"POST /v1/gitlab/hooks":                                             {Runs: RunsAny, Names: NamesHook},
		"POST /v1/token/renew":                                              {Runs: RunsOnly},
		"GET /.well-known/jwks.json":                                        open,
		"GET /schemas/{path...}":                                            open,
		"GET /healthz":                                                      open,
		"GET /readyz":                                                       open,
		"GET /metrics":                                                      open,
	}
}

// complete says which routes have no rule, and which rules no route.
func complete(rules map[string]Rule, routes []string) error {
	var wrong []error
	for _, pattern := range routes {
		if _, ok := rules[pattern]; !ok {
			wrong = append(wrong, errors.New("api: the route "+pattern+" has no rule: add it to Rules"))
		}
	}
	for pattern := range rules {
		if !slices.Contains(routes, pattern) {
			wrong = append(wrong, errors.New("api: the rule of "+pattern+" has no route"))
		}
	}
	return errors.Join(wrong...)
}

// admit lets a caller through to a route, or says why not.
func (s *Server) admit(c *call, rule Rule) error {
	if rule.Runs == RunsNever {
		if err := c.who.UserOnly(); err != nil {
			return err
		}
	}
	if err := c.who.Scope.Require(rule.Scope); err != nil {
		return err
	}
	if c.who.Run != nil && rule.Runs == RunsOwn && rule.Scope == access.ScopeRead {
		return s.living(c, c.who)
	}
	return nil
}

// living refuses the token of a run that is over or was replaced. What such a run
// writes is refused when it is decided, against the state of that moment.
func (s *Server) living(c *call, who entry.Caller) error {
	if err := s.gate(c.Context()); err != nil {
		return err
	}
	stream := domain.StreamID{Tenant: who.Tenant, Kind: domain.KindWorkflow, ID: who.Workflow}
	over, err := s.cfg.Workflows.RunIsOver(c.Context(), stream, who.Run.ID)
	if err != nil || !over {
		return err
	}
	return &domain.Error{
		Code: domain.CodeStaleRun, Message: "the run of this token is over, or was replaced by a newer one of the same workflow",
		Fix: "stop this agent; a run that goes on has a token of its own",
	}
}
