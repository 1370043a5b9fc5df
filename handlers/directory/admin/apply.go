package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/handlers/dispatch"
	querying "github.com/duolog/duolog/projections/queries/directory"
)

// Options vary what Apply does.
type Options struct {
	// DryRun plans and changes nothing.
	DryRun bool
	// Prune takes away what the lists that the document has leave out: members, flags,
	// flows, accounts, groups and projects. Users are blocked. Lists that it does not
	// have, and namespaces it does not name, stay as they are.
	Prune bool
	// RemoveUsers removes, of the users that Prune would block, each from everything.
	RemoveUsers bool
	// May refuses what the caller may not do; nil allows all.
	May *Authority
}

// replans bounds how often a plan is made anew because somebody else was faster.
const replans = 5

// Apply makes the directory of a tenant what a document says, and gives what that
// changes. What is so already is left so: a repeat has no steps.
//
// A namespace is changed in commits of some hundred changes, each all or nothing and
// each on the one before: of two that apply at once one finds the namespace changed,
// and plans anew on what the other left. A crash in the middle leaves what is done
// done; the same document again does the rest.
func (s *Service) Apply(ctx context.Context, tenant domain.Tenant, who domain.Principal, d Document, o Options) ([]Step, error) {
	if o.RemoveUsers && !o.Prune {
		return nil, domain.InvalidField("remove_users", "users are removed only where lists are pruned", "send prune as well, or leave it out")
	}
	for try := 0; ; try++ {
		p, err := s.planFor(ctx, tenant, d, o)
		if err != nil || o.DryRun {
			return p.steps, err
		}
		err = s.carryOut(ctx, tenant, who, p)
		e, refused := errors.AsType[*domain.Error](err)
		overtaken := refused && e.Code == domain.CodeConflict && e.Field == "expect"
		if !overtaken || try == replans {
			return p.steps, err
		}
	}
}

// planFor plans on one cut.
func (s *Service) planFor(ctx context.Context, tenant domain.Tenant, d Document, o Options) (plan, error) {
	var out plan
	err := s.queries.Read(ctx, tenant, func(v *querying.View) error {
		p := &planner{ctx: ctx, view: v, tenant: tenant, prune: o.Prune, remove: o.RemoveUsers, owners: map[string][]string{}, users: map[string]directory.Entry{}, groups: map[string]bool{}}
		err := p.run(d)
		out = p.plan
		return err
	})
	if err == nil && o.May != nil {
		err = out.allowed(*o.May)
	}
	return out, err
}

func (p plan) allowed(may Authority) error {
	for _, list := range [][]*directory.ChangeUser{p.users, p.defaults} {
		for _, c := range list {
			if err := may.User(c); err != nil {
				return err
			}
			if c.Login == may.user && c.Blocked != nil && *c.Blocked {
				return &domain.Error{Code: domain.CodeConflict, Field: "users", Message: "this would block " + c.Login + ", who asks for it", Fix: "name yourself in the document"}
			}
		}
	}
	for _, login := range p.removed {
		if err := may.Remove(login); err != nil {
			return err
		}
	}
	for _, n := range p.namespaces {
		if err := may.Namespace(n.root); err != nil {
			return err
		}
	}
	return nil
}

// usersAtOnce bounds the users that are changed together: each is a stream of its own.
const usersAtOnce = 64

func (s *Service) carryOut(ctx context.Context, tenant domain.Tenant, who domain.Principal, p plan) error {
	for _, login := range p.anew {
		if err := s.vacate(ctx, tenant, who, login); err != nil {
			return err
		}
	}
	if err := s.changeUsers(ctx, tenant, who, p.users); err != nil {
		return err
	}
	for _, n := range p.namespaces {
		if err := s.changeNamespace(ctx, tenant, who, n); err != nil {
			return err
		}
	}
	if err := s.changeUsers(ctx, tenant, who, p.defaults); err != nil {
		return err
	}
	return s.removeUsers(ctx, tenant, who, p.removed)
}

func (s *Service) removeUsers(ctx context.Context, tenant domain.Tenant, who domain.Principal, logins []string) error {
	for _, login := range logins {
		err := s.RemoveUser(ctx, tenant, who, login, func() error {
			_, err := s.dispatch.Do(ctx, dispatch.Request{
				Stream: directory.UserStream(tenant, login), Directory: &directory.RemoveUser{Login: login}, CommandID: s.newID(), Fresh: true, Principal: who,
			})
			return err
		})
		if err != nil {
			return fmt.Errorf("remove user %s: %w", login, err)
		}
	}
	return nil
}

func (s *Service) changeUsers(ctx context.Context, tenant domain.Tenant, who domain.Principal, list []*directory.ChangeUser) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(usersAtOnce)
	for _, c := range list {
		group.Go(func() error {
			_, err := s.dispatch.Do(ctx, dispatch.Request{
				Stream: directory.UserStream(tenant, c.Login), Directory: c, CommandID: s.newID(), Fresh: true, Principal: who,
			})
			if err != nil {
				return fmt.Errorf("change user %s: %w", c.Login, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// changeNamespace makes the changes in commits that the log takes, each on the one
// before.
func (s *Service) changeNamespace(ctx context.Context, tenant domain.Tenant, who domain.Principal, n namespacePlan) error {
	expect := n.events
	for _, part := range inCommits(n.changes) {
		at := expect
		out, err := s.dispatch.Do(ctx, dispatch.Request{
			Stream: directory.NamespaceStream(tenant, n.root), Directory: &directory.ChangeNamespace{Root: n.root, Changes: part, Expect: &at},
			CommandID: s.newID(), Fresh: true, Principal: who,
		})
		if err != nil {
			return fmt.Errorf("change namespace %s: %w", n.root, err)
		}
		expect = out.Directory.Events
	}
	return nil
}

const (
	// commitSize is how many bytes the events of one commit may have, well below
	// journal.MaxCommitJSON, and eventFrame what one has beside what its change has.
	commitSize = 48 << 10
	eventFrame = 120
)

// inCommits cuts a list of changes into what one commit holds.
func inCommits(changes []directory.Change) [][]directory.Change {
	var out [][]directory.Change
	from, size := 0, 0
	for i, c := range changes {
		raw, err := json.Marshal(c)
		if err != nil {
			panic(fmt.Sprintf("encode a change: %v", err)) // plain fields cannot fail
		}
		size += len(raw) + eventFrame
		if i > from && (size > commitSize || i-from == directory.MaxChanges) {
			out, from, size = append(out, changes[from:i]), i, len(raw)+eventFrame
		}
	}
	if from < len(changes) {
		out = append(out, changes[from:])
	}
	return out
}
