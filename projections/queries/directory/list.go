package directory

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/projections/queries/cut"
)

// All is no bound of a list.
const All = math.MaxInt32

// newest is SQL for what stands at each key of a kind: a condition and what to order by
// are given. The parameters from $1 are lead, before, upto and the most rows.
func newest(where, by string) string { return latest(where, by, "NOT removed") }

// latest is newest for the keys of which the last condition is true.
func latest(where, by, now string) string {
	return `SELECT stream, kind, path, name, time, body FROM (SELECT DISTINCT ON (` + by + `) * FROM directory WHERE ` + where + ` AND ` + counts("$1", "$2", "$3") +
		` ORDER BY ` + by + `, number DESC) e WHERE ` + now + ` ORDER BY ` + by + ` LIMIT $4`
}

func (v *View) list(ctx context.Context, sql string, most int, args ...any) ([]directory.Entry, error) {
	var out []directory.Entry
	found, err := v.tx.Query(ctx, sql, append([]any{v.lead, v.before, v.upto, most}, args...)...)
	return out, each(found, err, func(e directory.Entry) { out = append(out, e) })
}

// Users lists users by login, after one.
func (v *View) Users(ctx context.Context, after string, most int) ([]directory.Entry, error) {
	return v.list(ctx, newest(`tenant = $5 AND kind = 'user' AND name > $6`, "name"), most, string(v.tenant), after)
}

// Former lists the users who were removed, by login.
func (v *View) Former(ctx context.Context) ([]directory.Entry, error) {
	return v.list(ctx, latest(`tenant = $5 AND kind = 'user'`, "name", "removed"), All, string(v.tenant))
}

// Roots lists the root groups, by path.
func (v *View) Roots(ctx context.Context) ([]directory.Entry, error) {
	return v.list(ctx, newest(`tenant = $5 AND kind = 'container' AND strpos(path, '/') = 0`, "path"), All, string(v.tenant))
}

// Containers lists a group or project and what is below it by path, after one.
func (v *View) Containers(ctx context.Context, in, after string, most int) ([]directory.Entry, error) {
	stream, err := v.namespace(ctx, in)
	if err != nil {
		return nil, err
	}
	return v.list(ctx, newest(`stream = $5 AND kind = 'container' AND path > $6 AND (path = $7 OR starts_with(path, $8))`, "path"), most, stream, after, in, in+"/")
}

// Members lists the direct members of a group or project by login, after one. Next is
// where to go on, empty at the end.
func (v *View) Members(ctx context.Context, in directory.Entry, after string, most int) (out []directory.Entry, next string, err error) {
	stream, err := v.namespace(ctx, in.Path)
	if err != nil {
		return nil, "", err
	}
	list, err := v.list(ctx, newest(`stream = $5 AND kind = 'member' AND path = $6 AND name > $7`, "name"), most, stream, in.Path, after)
	if err != nil {
		return nil, "", err
	}
	if len(list) == most {
		next = list[most-1].Name
	}
	accounts, err := v.accountsByLogin(ctx, in.Path)
	return slices.DeleteFunc(list, func(e directory.Entry) bool { return !e.LivesIn(in) || e.OutlivedBy(accounts[e.Name]) }), next, err
}

// AllMembers lists the members of all groups and projects of a root group.
func (v *View) AllMembers(ctx context.Context, root string) ([]directory.Entry, error) {
	return v.inside(ctx, root, directory.MemberEntry)
}

// Accounts lists the service accounts of a root group.
func (v *View) Accounts(ctx context.Context, root string) ([]directory.Entry, error) {
	return v.inside(ctx, root, directory.AccountEntry)
}

// Flags lists the flags that are set in a group or project and below it.
func (v *View) Flags(ctx context.Context, in string) ([]directory.Entry, error) {
	all, err := v.inside(ctx, directory.Root(in), directory.FlagEntry)
	return slices.DeleteFunc(all, func(e directory.Entry) bool { return e.Path != in && !strings.HasPrefix(e.Path, in+"/") }), err
}

// inside lists the entries of a kind of a root group that live in what is there.
func (v *View) inside(ctx context.Context, root string, kind directory.EntryKind) ([]directory.Entry, error) {
	stream, err := v.namespace(ctx, root)
	if err != nil {
		return nil, err
	}
	containers, err := v.Containers(ctx, root, "", All)
	if err != nil {
		return nil, err
	}
	at := make(map[string]directory.Entry, len(containers))
	for _, c := range containers {
		at[c.Path] = c
	}
	list, err := v.list(ctx, newest(`stream = $5 AND kind = $6`, "path, name"), All, stream, string(kind))
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(e directory.Entry) bool { return !e.LivesIn(at[e.Path]) })
	if kind != directory.MemberEntry {
		return list, nil
	}
	accounts, err := v.accountsByLogin(ctx, root)
	return slices.DeleteFunc(list, func(e directory.Entry) bool { return e.OutlivedBy(accounts[e.Name]) }), err
}

func (v *View) accountsByLogin(ctx context.Context, path string) (map[string]directory.Entry, error) {
	list, err := v.Accounts(ctx, directory.Root(path))
	out := make(map[string]directory.Entry, len(list))
	for _, e := range list {
		out[e.Name] = e
	}
	return out, err
}

// MembershipsOf lists what a login is a direct member of, by path.
func (v *View) MembershipsOf(ctx context.Context, login string) ([]directory.Entry, error) {
	list, err := v.list(ctx, newest(`tenant = $5 AND kind = 'member' AND name = $6`, "path"), All, string(v.tenant), login)
	if err != nil {
		return nil, err
	}
	var out []directory.Entry
	for _, e := range list {
		in, err := v.Container(ctx, e.Path)
		if err != nil {
			return nil, err
		}
		if e.LivesIn(in) {
			out = append(out, e)
		}
	}
	return out, nil
}

func (v *View) namespace(ctx context.Context, path string) (string, error) {
	stream := directory.NamespaceStream(v.tenant, directory.Root(path))
	return stream.String(), v.see(ctx, stream)
}

// State is what a stream is beyond its entries, now.
func (v *View) State(ctx context.Context, stream domain.StreamID) (directory.State, error) {
	var s directory.State
	var raw []byte
	err := v.tx.QueryRow(ctx, `SELECT coalesce((SELECT state FROM heads WHERE stream = $1), '{}')`, stream.String()).Scan(&raw)
	if err != nil {
		return s, fmt.Errorf("read the state of %s: %w", stream, err)
	}
	return s, cut.DecodeJSON("the state of "+stream.String(), raw, &s)
}

// Whole is every entry of a root group, those of what was there before among them.
func (v *View) Whole(ctx context.Context, root string) ([]directory.Entry, error) {
	stream, err := v.namespace(ctx, root)
	if err != nil {
		return nil, err
	}
	return v.list(ctx, newest(`stream = $5`, "kind, path, name"), All, stream)
}

// Running counts the workflows of a project that a run works on now.
func (v *View) Running(ctx context.Context, project string) (n int, err error) {
	err = v.tx.QueryRow(ctx, `SELECT count(*) FROM workflows WHERE tenant = $1 AND project = $2 AND active`, string(v.tenant), project).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count the workflows of %s: %w", project, err)
	}
	return n, nil
}
