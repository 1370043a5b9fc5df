package workflows

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/projections/queries/cut"
)

// Workflow is one workflow as it stands.
type Workflow struct {
	Stream domain.StreamID
	Number int64
	State  workflow.State
	Goal   string
	// CallbackContext is the object that came with the workflow, byte for byte;
	// nil without one.
	CallbackContext []byte
}

// Queries reads workflows. It is safe for concurrent use.
type Queries struct {
	db cut.DB
	// ids remembers which id a number names: that never changes.
	ids *lru.Cache[tenantNumber, uuid.UUID]
}

type tenantNumber struct {
	tenant domain.Tenant
	number int64
}

const idsKept = 1 << 14

// New makes a Queries.
func New(db cut.DB) *Queries {
	ids, err := lru.New[tenantNumber, uuid.UUID](idsKept)
	if err != nil {
		panic(fmt.Sprintf("a cache of %d numbers: %v", idsKept, err)) // only a size below 1 is refused
	}
	return &Queries{db: db, ids: ids}
}

// At reads one workflow as of then; lists are of now.
func (q *Queries) At(at cut.At) *Queries { return &Queries{db: q.db.At(at), ids: q.ids} }

// Locate is the stream of a workflow. A UUID is taken at its word: whether the
// workflow exists is for the command or query that follows to say. It returns
// not_found for a number that names none of the tenant's.
func (q *Queries) Locate(ctx context.Context, tenant domain.Tenant, ref Ref) (domain.StreamID, error) {
	stream := domain.StreamID{Tenant: tenant, Kind: domain.KindWorkflow, ID: ref.ID}
	if ref.ID != uuid.Nil {
		return stream, nil
	}
	key := tenantNumber{tenant, ref.Number}
	if id, ok := q.ids.Get(key); ok {
		stream.ID = id
		return stream, nil
	}
	err := q.db.Pool.QueryRow(ctx, `SELECT id FROM workflows WHERE tenant = $1 AND number = $2`, string(tenant), ref.Number).Scan(&stream.ID)
	if errors.Is(err, pgx.ErrNoRows) {
		return stream, notFound()
	}
	if err != nil {
		return stream, cut.NotNow(fmt.Errorf("locate workflow %d of %s: %w", ref.Number, tenant, err))
	}
	q.ids.Add(key, stream.ID)
	return stream, nil
}

const columns = `SELECT w.stream, w.number, h.state FROM workflows w JOIN heads h USING (stream) `

// Find reads one workflow, or returns not_found.
func (q *Queries) Find(ctx context.Context, tenant domain.Tenant, ref Ref) (Workflow, error) {
	var out Workflow
	err := q.db.Read(ctx, func(tx *cut.Tx) error {
		where, arg := `WHERE w.stream = $1 AND w.tenant = $2`, any(domain.StreamID{Tenant: tenant, Kind: domain.KindWorkflow, ID: ref.ID}.String())
		if ref.ID == uuid.Nil {
			where, arg = `WHERE w.number = $1 AND w.tenant = $2`, ref.Number
		}
		found, err := scan(ctx, tx, columns+where, arg, string(tenant))
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return notFound()
		}
		at, err := tx.Point(ctx, found[0].Stream)
		if err != nil {
			return err
		}
		out, err = found[0].as(ctx, tx, at)
		return err
	})
	if err != nil {
		return Workflow{}, fmt.Errorf("find workflow of %s: %w", tenant, err)
	}
	return out, nil
}

// In is a workflow as it stood at a point, in a cut that reads more of it.
func In(ctx context.Context, tx *cut.Tx, stream domain.StreamID, at cut.Point) (Workflow, error) {
	found, err := scan(ctx, tx, columns+`WHERE w.stream = $1`, stream.String())
	if err != nil {
		return Workflow{}, err
	}
	if len(found) == 0 {
		return Workflow{}, notFound()
	}
	return found[0].as(ctx, tx, at)
}

// as is a workflow as it stood at a point.
func (w Workflow) as(ctx context.Context, tx *cut.Tx, at cut.Point) (Workflow, error) {
	if !at.Now {
		var err error
		if w.State, err = tx.State(ctx, w.Stream, at); err != nil {
			return w, err
		}
		if !w.State.Exists() {
			return w, notFound()
		}
	}
	one := []Workflow{w}
	err := fill(ctx, tx, one)
	return one[0], err
}

// Filter narrows a list; what is empty does not.
type Filter struct {
	Status  workflow.Status
	Project string
	Source  string
}

// List is one page, newest first, and whether another follows. Pages count
// from 1.
func (q *Queries) List(ctx context.Context, tenant domain.Tenant, f Filter, page, perPage int) (list []Workflow, more bool, err error) {
	err = q.db.Read(ctx, func(tx *cut.Tx) (err error) {
		list, err = read(ctx, tx, columns+`WHERE w.tenant = $1 AND ($2 = '' OR w.status = $2) AND ($3 = '' OR w.project = $3)
			AND ($4 = '' OR w.source = $4) ORDER BY w.number DESC LIMIT $5 OFFSET $6`,
			string(tenant), string(f.Status), f.Project, f.Source, perPage+1, (page-1)*perPage)
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("list workflows of %s: %w", tenant, err)
	}
	if len(list) > perPage {
		return list[:perPage], true, nil
	}
	return list, false, nil
}

// read runs one query for workflows and fills in their values.
func read(ctx context.Context, tx *cut.Tx, sql string, args ...any) ([]Workflow, error) {
	out, err := scan(ctx, tx, sql, args...)
	if err != nil {
		return nil, err
	}
	return out, fill(ctx, tx, out)
}

// scan runs one query for workflows.
func scan(ctx context.Context, tx *cut.Tx, sql string, args ...any) ([]Workflow, error) {
	found, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var out []Workflow
	for found.Next() {
		var w Workflow
		var stream string
		var state []byte
		if err := found.Scan(&stream, &w.Number, &state); err != nil {
			return nil, err
		}
		if w.Stream, err = domain.ParseStreamID(stream); err != nil {
			return nil, err
		}
		if err := cut.DecodeJSON("the state of "+stream, state, &w.State); err != nil {
			return nil, err
		}
		out = append(out, w)
	}
	return out, found.Err()
}

// fill assembles the goals and callback contexts of all workflows together.
func fill(ctx context.Context, tx *cut.Tx, list []Workflow) error {
	var items []cut.Item
	var set []func([]byte)
	add := func(stream string, v value.Value, to func([]byte)) error {
		item, err := cut.ItemOf(stream, v)
		items, set = append(items, item), append(set, to)
		return err
	}
	for i := range list {
		w := &list[i]
		stream := w.Stream.String()
		if err := add(stream, w.State.Created.Goal, func(b []byte) { w.Goal = string(b) }); err != nil {
			return err
		}
		if v := w.State.Created.CallbackContext; v != nil {
			if err := add(stream, *v, func(b []byte) { w.CallbackContext = b }); err != nil {
				return err
			}
		}
	}
	values, err := tx.Assemble(ctx, items)
	if err != nil {
		return err
	}
	for i, b := range values {
		set[i](b)
	}
	return nil
}
