package gitlab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/golang-lru/v2"
	gl "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/directory"
	port "github.com/duolog/duolog/handlers/directory"
)

// source is what a decision records of an answer from here.
const source = "gitlab"

// Config is what a Directory is made of.
type Config struct {
	Client *gl.Client
	// Rest answers what GitLab does not: flows, flags, the default namespace.
	Rest port.Directory
	// MaxAge is how old an answer may be (60 s). Longer lets somebody act a while
	// after their access was taken, shorter asks GitLab more often.
	MaxAge time.Duration
	Now    func() time.Time
}

// remembered is how many answers are kept.
const remembered = 10_000

// Directory asks a GitLab instance. It is safe for concurrent use.
type Directory struct {
	cfg   Config
	known *lru.Cache[string, answer]
}

// answer is what was asked at a time.
type answer struct {
	value any
	err   error
	at    time.Time
}

// New makes a Directory. It asks GitLab nothing.
func New(cfg Config) (*Directory, error) {
	if cfg.Client == nil || cfg.Rest == nil || cfg.Now == nil {
		return nil, errors.New("gitlab directory: client, rest and clock are needed")
	}
	cfg.MaxAge = cmp.Or(cfg.MaxAge, time.Minute)
	known, err := lru.New[string, answer](remembered)
	return &Directory{cfg, known}, err
}

// ask answers from memory what is young enough, and asks otherwise. That something
// is not there is remembered like any other answer; that GitLab gave none is not.
func ask[T any](d *Directory, key string, from func() (T, error)) (T, port.Basis, error) {
	now := d.cfg.Now()
	if a, ok := d.known.Get(key); ok && now.Sub(a.at) < d.cfg.MaxAge {
		if value, fits := a.value.(T); fits {
			return value, port.Basis{Source: source, At: a.at}, a.err
		}
	}
	value, err := from()
	if err = refusal(err); err == nil || domain.CodeOf(err) == domain.CodeNotFound {
		d.known.Add(key, answer{value, err, now})
	}
	return value, port.Basis{Source: source, At: now}, err
}

// forget makes a change that was made here seen at once.
func (d *Directory) forget(key string) { d.known.Remove(key) }

// refusal makes what GitLab said an error of ours.
func refusal(err error) error {
	e, said := errors.AsType[*gl.ErrorResponse](err)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errNone), said && e.StatusCode == http.StatusNotFound:
		return &domain.Error{Code: domain.CodeNotFound, Message: "GitLab knows no such thing, or does not show it to the token of the configuration", Fix: "check the name, and what the token may see", Err: err}
	case said && (e.StatusCode == http.StatusUnauthorized || e.StatusCode == http.StatusForbidden):
		return &domain.Error{Code: domain.CodeNotNow, Message: fmt.Sprintf("GitLab refuses the token of the configuration: %d", e.StatusCode), Fix: "give gitlab_token_file a token with the scope api that has not expired", Err: err}
	}
	return &domain.Error{Code: domain.CodeNotNow, Message: "GitLab gives no answer: " + shorten(err.Error()), Fix: "try again; duolog doctor says whether GitLab can be reached", Err: err}
}

// errNone says that a list has nothing of that name.
var errNone = errors.New("no such entry")

// shorten keeps a page of HTML out of a message.
func shorten(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 160 {
		s = strings.ToValidUTF8(s[:160], "") + "…"
	}
	return s
}

// User finds a person or a service account by its username. Where they work unless
// they say otherwise comes from the rest.
func (d *Directory) User(ctx context.Context, tenant domain.Tenant, login string) (directory.User, port.Basis, error) {
	u, basis, err := ask(d, "user/"+login, func() (directory.User, error) { return d.user(ctx, login) })
	if err != nil {
		return u, basis, err
	}
	rest, _, err := d.cfg.Rest.User(ctx, tenant, login)
	if err != nil && domain.CodeOf(err) != domain.CodeNotFound {
		return u, basis, err
	}
	u.DefaultNamespace = rest.DefaultNamespace
	return u, basis, nil
}

func (d *Directory) user(ctx context.Context, login string) (directory.User, error) {
	found, _, err := d.cfg.Client.Users.ListUsers(&gl.ListUsersOptions{Username: &login}, gl.WithContext(ctx))
	if err != nil {
		return directory.User{}, err
	}
	i := slices.IndexFunc(found, func(u *gl.User) bool { return strings.EqualFold(u.Username, login) })
	if i < 0 {
		return directory.User{}, errNone
	}
	u := found[i]
	return directory.User{
		ID: u.ID, Login: u.Username, Name: u.Name, Email: cmp.Or(u.Email, u.PublicEmail), Admin: u.IsAdmin,
		Blocked: u.State != "active", ServiceAccount: u.Bot,
	}, nil
}

// Container finds a group or a project by its path or number. A number is a
// project's before it is a group's.
func (d *Directory) Container(ctx context.Context, _ domain.Tenant, ref string) (directory.Container, port.Basis, error) {
	return ask(d, "container/"+ref, func() (directory.Container, error) { return d.container(ctx, ref) })
}

func (d *Directory) container(ctx context.Context, ref string) (directory.Container, error) {
	p, _, err := d.cfg.Client.Projects.GetProject(ref, nil, gl.WithContext(ctx))
	if err == nil {
		return containerOf(p.ID, p.PathWithNamespace, true), nil
	}
	if !errors.Is(err, gl.ErrNotFound) {
		return directory.Container{}, err
	}
	g, _, err := d.cfg.Client.Groups.GetGroup(ref, nil, gl.WithContext(ctx))
	if err != nil {
		return directory.Container{}, err
	}
	return containerOf(g.ID, g.FullPath, false), nil
}

func containerOf(id int64, path string, project bool) directory.Container {
	return directory.Container{ID: id, Path: path, Root: directory.Root(path), Project: project}
}

// Level is the access of a login to a container, what is inherited included.
func (d *Directory) Level(ctx context.Context, tenant domain.Tenant, login, path string) (directory.Level, port.Basis, error) {
	return ask(d, levelKey(login, path), func() (directory.Level, error) {
		level, err := d.level(ctx, tenant, login, path)
		if domain.CodeOf(err) == domain.CodeNotFound || errors.Is(err, gl.ErrNotFound) {
			return directory.None, nil
		}
		return level, err
	})
}

func levelKey(login, path string) string { return "level/" + login + "/" + path }

func (d *Directory) level(ctx context.Context, tenant domain.Tenant, login, path string) (directory.Level, error) {
	u, _, err := ask(d, "user/"+login, func() (directory.User, error) { return d.user(ctx, login) })
	switch {
	case err != nil:
		return directory.None, err
	case u.Blocked:
		return directory.None, nil
	case u.Admin:
		return directory.Owner, nil
	}
	c, _, err := d.Container(ctx, tenant, path)
	if err != nil {
		return directory.None, err
	}
	if c.Project {
		m, _, err := d.cfg.Client.ProjectMembers.GetInheritedProjectMember(c.Path, u.ID, gl.WithContext(ctx))
		if err != nil {
			return directory.None, err
		}
		return directory.Level(m.AccessLevel), nil
	}
	m, _, err := d.cfg.Client.GroupMembers.GetInheritedGroupMember(c.Path, u.ID, gl.WithContext(ctx))
	if err != nil {
		return directory.None, err
	}
	return directory.Level(m.AccessLevel), nil
}

// Flows is what the rest says: GitLab has no public API for it.
func (d *Directory) Flows(ctx context.Context, tenant domain.Tenant, path string) (directory.FlowSettings, port.Basis, error) {
	return d.cfg.Rest.Flows(ctx, tenant, path)
}

// Flag is what the rest says.
func (d *Directory) Flag(ctx context.Context, tenant domain.Tenant, name, path string) (bool, port.Basis, error) {
	return d.cfg.Rest.Flag(ctx, tenant, name, path)
}

// ServiceAccount is the account of a flow in the root group of a path: the one that
// the rest names, or else GitLab's duo-FLOW-GROUP.
func (d *Directory) ServiceAccount(ctx context.Context, tenant domain.Tenant, path, flow string) (directory.User, port.Basis, error) {
	named, _, err := d.cfg.Rest.ServiceAccount(ctx, tenant, path, flow)
	if err == nil && named.Login != "" {
		return d.User(ctx, tenant, named.Login)
	}
	if err != nil && domain.CodeOf(err) != domain.CodeNotFound {
		return named, port.Basis{}, err
	}
	root := directory.Root(path)
	name, _, _ := strings.Cut(flow, "/")
	return ask(d, "account/"+root+"/"+flow, func() (directory.User, error) {
		return d.user(ctx, strings.ReplaceAll("duo-"+name+"-"+root, "_", "-"))
	})
}
