package directory

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/cut"
)

// Queries reads the directory. It is safe for concurrent use.
type Queries struct{ db cut.DB }

// New makes a Queries.
func New(db cut.DB) *Queries { return &Queries{db: db} }

// At reads as of then.
func (q *Queries) At(at cut.At) *Queries { return New(q.db.At(at)) }

// View is the directory of a tenant in one cut.
type View struct {
	tx     *cut.Tx
	db     cut.DB
	tenant domain.Tenant
	// before bounds the numbers of the stream lead, upto the times of all others.
	lead   string
	before int64
	upto   time.Time
	// seen is how far the partitions that were read had come.
	seen domain.Cut
}

// forever is behind every time of a commit.
func forever() time.Time { return time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC) }

// Read reads what is about many streams. Between streams there is no order but that
// of time: a position stands for its own.
func (q *Queries) Read(ctx context.Context, tenant domain.Tenant, fn func(*View) error) error {
	return q.read(ctx, tenant, func(v *View) error {
		at, err := v.tx.Moment(ctx)
		if err != nil {
			return err
		}
		if v.upto = at; at.IsZero() {
			v.upto = forever()
		}
		return fn(v)
	})
}

// ReadOf reads what is about one stream first: a position must be of its partition.
// It returns not_found for a moment before the stream.
func (q *Queries) ReadOf(ctx context.Context, lead domain.StreamID, fn func(*View) error) error {
	return q.read(ctx, lead.Tenant, func(v *View) error {
		p, err := v.tx.Point(ctx, lead)
		if err != nil {
			return err
		}
		v.lead, v.before = lead.String(), p.Before
		switch {
		case !p.AsOf.IsZero():
			v.upto = p.AsOf
		case !p.Time.IsZero():
			v.upto = p.Time
		default:
			v.upto = forever()
		}
		return fn(v)
	})
}

func (q *Queries) read(ctx context.Context, tenant domain.Tenant, fn func(*View) error) error {
	err := q.db.Read(ctx, func(tx *cut.Tx) error {
		return fn(&View{tx: tx, db: q.db, tenant: tenant, before: projections.AllNumbers, seen: domain.Cut{}})
	})
	if err != nil {
		return fmt.Errorf("read the directory of %s: %w", tenant, err)
	}
	return nil
}

// Seen is the place in the log up to which what was read holds.
func (v *View) Seen() domain.Cut { return v.seen }

// Upto is the moment that is read; behind every time for now.
func (v *View) Upto() time.Time { return v.upto }

// counts is what makes a version count: the parameters of that name bound it.
func counts(lead, before, upto string) string {
	return `(CASE WHEN stream = ` + lead + ` THEN number < ` + before + ` ELSE time <= ` + upto + ` END)`
}

// Entries looks up what stands at keys of a stream.
func (v *View) Entries(ctx context.Context, stream domain.StreamID, keys ...directory.Key) (*directory.Facts, error) {
	if err := v.see(ctx, stream); err != nil {
		return nil, err
	}
	facts := directory.NewFacts()
	args := projections.EntryArgs(keys, func(k *directory.Key) (string, directory.Key) { return stream.String(), *k })
	found, err := v.tx.Query(ctx, projections.EntriesAt(counts("$5", "$6", "$7")), append(args, v.lead, v.before, v.upto)...)
	return facts, each(found, err, func(e directory.Entry) { facts.Put(e) })
}

// see notes how far the partition of a stream has come.
func (v *View) see(ctx context.Context, stream domain.StreamID) error {
	p := v.db.PartitionOf(stream)
	if _, known := v.seen[p]; known {
		return nil
	}
	next, err := v.tx.Next(ctx, p)
	if err == nil && next.Offset > 0 {
		v.seen[p] = next.Offset - 1
	}
	return err
}

func each(found pgx.Rows, err error, fn func(directory.Entry)) error {
	if err != nil {
		return fmt.Errorf("read entries of the directory: %w", err)
	}
	defer found.Close()
	return projections.ScanEntries(found, func(_ string, e directory.Entry) { fn(e) })
}

// User is the entry of a login; one that is not there if nobody has it.
func (v *View) User(ctx context.Context, login string) (directory.Entry, error) {
	key := directory.Key{Kind: directory.UserEntry, Name: login}
	f, err := v.Entries(ctx, directory.UserStream(v.tenant, login), key)
	if err != nil {
		return directory.Entry{}, err
	}
	return f.Get(key), nil
}

// Container is the entry of a path; one that is not there if nothing has it.
func (v *View) Container(ctx context.Context, path string) (directory.Entry, error) {
	key := directory.Key{Kind: directory.ContainerEntry, Path: path}
	f, err := v.Entries(ctx, directory.NamespaceStream(v.tenant, directory.Root(path)), key)
	if err != nil {
		return directory.Entry{}, err
	}
	return f.Get(key), nil
}

// Find is the container of a path or, in decimal digits, a number. It returns
// not_found where there is none.
func (v *View) Find(ctx context.Context, ref string) (directory.Entry, error) {
	e, err := v.Container(ctx, ref)
	if err != nil || e.There() {
		return e, err
	}
	if id, numeric := strconv.ParseInt(ref, 10, 64); numeric == nil && id > 0 {
		if e, err = v.numbered(ctx, id); err != nil || e.There() {
			return e, err
		}
	}
	return e, &domain.Error{Code: domain.CodeNotFound, Message: fmt.Sprintf("there is no group or project %.80q", ref), Fix: "duolog namespace list shows those there are"}
}

// numbered is the container that has a number, if it is still there.
func (v *View) numbered(ctx context.Context, id int64) (directory.Entry, error) {
	var path string
	err := v.tx.QueryRow(ctx, `SELECT coalesce((SELECT path FROM directory WHERE id = $1 AND kind = 'container' AND tenant = $2 LIMIT 1), '')`, id, string(v.tenant)).Scan(&path)
	if err != nil || path == "" {
		return directory.Entry{}, err
	}
	e, err := v.Container(ctx, path)
	if e.ID != id {
		return directory.Entry{}, err
	}
	return e, err
}

// Account is the service account of a login, whichever namespace it is of: the one
// that was made first, where several have one of that login.
func (v *View) Account(ctx context.Context, login string) (account directory.Entry, err error) {
	var roots []string
	rows, err := v.tx.Query(ctx, `SELECT DISTINCT path FROM directory WHERE tenant = $1 AND kind = 'account' AND name = $2`, string(v.tenant), login)
	if err == nil {
		roots, err = pgx.CollectRows(rows, pgx.RowTo[string])
	}
	if err != nil {
		return account, fmt.Errorf("look for the account %s: %w", login, err)
	}
	for _, root := range roots {
		e, err := v.AccountIn(ctx, root, login)
		if err != nil {
			return e, err
		}
		if e.There() && (!account.There() || e.ID < account.ID) {
			account = e
		}
	}
	return account, nil
}

// AccountIn is the service account of a login in a root group; one that is not there
// if it has none.
func (v *View) AccountIn(ctx context.Context, root, login string) (directory.Entry, error) {
	key, top := directory.Key{Kind: directory.AccountEntry, Path: root, Name: login}, directory.Key{Kind: directory.ContainerEntry, Path: root}
	f, err := v.Entries(ctx, directory.NamespaceStream(v.tenant, root), key, top)
	if err != nil {
		return directory.Entry{}, err
	}
	if e := f.Get(key); e.LivesIn(f.Get(top)) {
		return e, nil
	}
	return directory.Entry{Key: key}, nil
}

// Standing is all that says how much a login may do at a path.
func (v *View) Standing(ctx context.Context, login, path string) (directory.Standing, error) {
	user, err := v.User(ctx, login)
	if err != nil {
		return directory.Standing{}, err
	}
	f, err := v.Entries(ctx, directory.NamespaceStream(v.tenant, directory.Root(path)), directory.StandingKeys(login, path)...)
	if err != nil {
		return directory.Standing{}, err
	}
	return directory.StandingOf(user, f, login, path), nil
}

// Flag is what is set nearest to a path, if anything is.
func (v *View) Flag(ctx context.Context, name, path string) (on, set bool, err error) {
	f, err := v.Entries(ctx, directory.NamespaceStream(v.tenant, directory.Root(path)), directory.FlagKeys(name, path)...)
	if err != nil {
		return false, false, err
	}
	on, set = directory.FlagAt(f, name, path)
	return on, set, nil
}
