package stored

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/directory"
	port "github.com/duolog/duolog/handlers/directory"
	"github.com/duolog/duolog/handlers/directory/flags"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/projections/queries/cut"
	querying "github.com/duolog/duolog/projections/queries/directory"
)

// Dispatcher carries out commands: Do returns when the effect is visible, or with a
// *domain.Error.
type Dispatcher interface {
	Do(ctx context.Context, r dispatch.Request) (dispatch.Result, error)
}

// Gate holds reads back until they show what this process has answered.
type Gate interface {
	Ready(ctx context.Context) error
}

// Config is what the directory is made of.
type Config struct {
	Queries  *querying.Queries
	Dispatch Dispatcher
	Gate     Gate
	// Log is the id of the log that positions name.
	Log   uuid.UUID
	Now   func() time.Time
	NewID func() uuid.UUID
}

// Source names this directory in the basis of an answer.
const Source = "directory"

// Directory implements both ports of handlers/directory. It is safe for concurrent use.
type Directory struct {
	cfg   Config
	flags *flags.Flags
	// past says that cfg reads another moment than now.
	past bool
}

// New makes a Directory. Close it.
func New(ctx context.Context, cfg Config) (*Directory, error) {
	d := &Directory{cfg: cfg}
	var err error
	d.flags, err = flags.New(ctx, Source, source{d})
	return d, err
}

// At answers as of then: what a moment of the log shows, or a time. What has to be changed,
// and flags, are asked as ever.
func (d *Directory) At(at cut.At) *Directory {
	then := *d
	then.cfg.Queries, then.past = d.cfg.Queries.At(at), true
	return &then
}

// Close ends the provider of flags.
func (d *Directory) Close(ctx context.Context) error { return d.flags.Close(ctx) }

// read reads one cut, and says what the answer rests on.
func (d *Directory) read(ctx context.Context, tenant domain.Tenant, fn func(*querying.View) error) (port.Basis, error) {
	basis := port.Basis{Source: Source, At: d.cfg.Now().UTC()}
	if err := d.cfg.Gate.Ready(ctx); err != nil {
		return basis, &domain.Error{Code: domain.CodeNotNow, Message: "the read models are catching up with the log", Fix: "send the same request again", Err: err}
	}
	err := d.cfg.Queries.Read(ctx, tenant, func(v *querying.View) error {
		err := fn(v)
		if d.past {
			basis.At = v.Upto()
		} else {
			basis.Position = v.Seen().Token(d.cfg.Log)
		}
		return err
	})
	return basis, err
}

// User finds a user, or the service account that has the login.
func (d *Directory) User(ctx context.Context, tenant domain.Tenant, login string) (directory.User, port.Basis, error) {
	var out directory.User
	basis, err := d.read(ctx, tenant, func(v *querying.View) error {
		e, err := v.User(ctx, login)
		if err == nil && !e.There() {
			e, err = v.Account(ctx, login)
		}
		if err == nil && !e.There() {
			err = notFound(fmt.Sprintf("there is no user or service account %.80q", login), "create it: duolog user create "+login)
		}
		out = UserOf(e)
		return err
	})
	return out, basis, err
}

// UserOf is the user or service account of an entry.
func UserOf(e directory.Entry) directory.User {
	u := directory.User{ID: e.ID, Login: e.Name}
	if a := e.Account; a != nil {
		u.Name, u.Blocked, u.ServiceAccount = a.Name, a.Blocked, true
	}
	if p := e.User; p != nil {
		u.Name, u.Email, u.Admin, u.Blocked, u.DefaultNamespace = p.Name, p.Email, p.Admin, p.Blocked, p.DefaultNamespace
	}
	return u
}

// Container finds a group or project by path or number.
func (d *Directory) Container(ctx context.Context, tenant domain.Tenant, ref string) (directory.Container, port.Basis, error) {
	var out directory.Container
	basis, err := d.read(ctx, tenant, func(v *querying.View) error {
		e, err := v.Find(ctx, ref)
		out = ContainerOf(e)
		return err
	})
	return out, basis, err
}

// ContainerOf is the group or project of an entry.
func ContainerOf(e directory.Entry) directory.Container {
	return directory.Container{ID: e.ID, Path: e.Path, Root: directory.Root(e.Path), Project: e.Project != nil}
}

// Level is the highest access of a login to a container.
func (d *Directory) Level(ctx context.Context, tenant domain.Tenant, login, path string) (directory.Level, port.Basis, error) {
	var out directory.Level
	basis, err := d.read(ctx, tenant, func(v *querying.View) error {
		s, err := v.Standing(ctx, login, path)
		switch {
		case err != nil:
			return err
		case len(s.At) == 0 || !s.At[0].Container.There():
			return noContainer(path)
		}
		out = s.Level()
		return nil
	})
	return out, basis, err
}

// root reads the root group of a path, which must be there.
func (d *Directory) root(ctx context.Context, tenant domain.Tenant, path string, fn func(v *querying.View, root directory.Entry) error) (port.Basis, error) {
	return d.read(ctx, tenant, func(v *querying.View) error {
		root, err := v.Container(ctx, directory.Root(path))
		switch {
		case err != nil:
			return err
		case !root.There():
			return noContainer(directory.Root(path))
		}
		return fn(v, root)
	})
}

// Flows is what the root group of a path says of flows.
func (d *Directory) Flows(ctx context.Context, tenant domain.Tenant, path string) (directory.FlowSettings, port.Basis, error) {
	var out directory.FlowSettings
	basis, err := d.root(ctx, tenant, path, func(_ *querying.View, root directory.Entry) error {
		out = root.Top.FlowSettings()
		return nil
	})
	return out, basis, err
}

// ServiceAccount is the account of a flow in the root group of a path.
func (d *Directory) ServiceAccount(ctx context.Context, tenant domain.Tenant, path, flow string) (directory.User, port.Basis, error) {
	var out directory.User
	basis, err := d.root(ctx, tenant, path, func(v *querying.View, root directory.Entry) error {
		login := root.Top.Flow(flow).Account
		if login == "" {
			return notFound(fmt.Sprintf("%s has no service account for %s", root.Path, flow), fmt.Sprintf("create it: duolog namespace account create %s LOGIN --flow %s", root.Path, flow))
		}
		e, err := v.AccountIn(ctx, root.Path, login)
		out = UserOf(e)
		return err
	})
	return out, basis, err
}

// Flag evaluates a flag through OpenFeature, with this directory as its provider.
func (d *Directory) Flag(ctx context.Context, tenant domain.Tenant, name, path string) (bool, port.Basis, error) {
	on, seen, err := d.flags.Evaluate(ctx, tenant, name, path)
	return on, port.Basis{Source: Source, Position: seen, At: d.cfg.Now().UTC()}, err
}

// source is the directory as a source of flags.
type source struct{ d *Directory }

// Flag looks a flag up.
func (s source) Flag(ctx context.Context, tenant domain.Tenant, name, path string) (flags.Found, error) {
	var out flags.Found
	basis, err := s.d.read(ctx, tenant, func(v *querying.View) (err error) {
		out.On, out.Set, err = v.Flag(ctx, name, path)
		return err
	})
	out.Seen = basis.Position
	return out, err
}

// EnsureProject finds or makes a project of a group: one decision of the namespace.
func (d *Directory) EnsureProject(ctx context.Context, tenant domain.Tenant, who domain.Principal, group, name string) (directory.Container, error) {
	path := group + "/" + name
	c := &directory.ChangeNamespace{Root: directory.Root(path), Changes: []directory.Change{{CreateProject: &directory.CreateProject{Path: path}}}}
	if err := d.do(ctx, tenant, who, c); err != nil {
		return directory.Container{}, err
	}
	made, _, err := d.Container(ctx, tenant, path)
	return made, err
}

// EnsureMember gives an account at least a level in a container: what it has there or
// inherits counts.
func (d *Directory) EnsureMember(ctx context.Context, tenant domain.Tenant, who domain.Principal, path, login string, level directory.Level) error {
	for {
		var enough bool
		var expect int
		_, err := d.read(ctx, tenant, func(v *querying.View) error {
			s, err := v.Standing(ctx, login, path)
			if err != nil {
				return err
			}
			enough = s.Level() >= level
			state, err := v.State(ctx, directory.NamespaceStream(tenant, directory.Root(path)))
			expect = state.Events
			return err
		})
		if err != nil || enough {
			return err
		}
		// What was read is what is decided on: nobody's higher level is taken away.
		err = d.do(ctx, tenant, who, &directory.ChangeNamespace{
			Root: directory.Root(path), Changes: []directory.Change{{SetMember: &directory.SetMember{Path: path, Login: login, Level: level}}}, Expect: &expect,
		})
		if !overtaken(err) {
			return err
		}
	}
}

// overtaken says that the namespace was changed since it was read.
func overtaken(err error) bool {
	e, refused := errors.AsType[*domain.Error](err)
	return refused && e.Code == domain.CodeConflict && e.Field == "expect"
}

func (d *Directory) do(ctx context.Context, tenant domain.Tenant, who domain.Principal, c *directory.ChangeNamespace) error {
	_, err := d.cfg.Dispatch.Do(ctx, dispatch.Request{
		Stream: directory.NamespaceStream(tenant, c.Root), Directory: c, CommandID: d.cfg.NewID(), Fresh: true, Principal: who,
	})
	if err != nil {
		return fmt.Errorf("change namespace %s: %w", c.Root, err)
	}
	return nil
}

func noContainer(path string) error {
	return notFound(fmt.Sprintf("there is no group or project %.80q", path), "duolog namespace list shows those there are")
}

func notFound(message, fix string) error {
	return &domain.Error{Code: domain.CodeNotFound, Message: message, Fix: fix}
}
