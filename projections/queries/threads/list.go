package threads

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/cut"
	"github.com/duolog/duolog/projections/queries/stored"
)

// Listing says which checkpoints are listed.
type Listing struct {
	Tenant domain.Tenant
	// Stream is the one thread to list; nil for all of the tenant.
	Stream *domain.StreamID
	// NS is the one namespace; nil for all.
	NS *string
	// ID is the one checkpoint, Before an id that those listed are less than.
	ID, Before *uuid.UUID
	// Filter is what the metadata must say.
	Filter Filter
	// Limit is how many a page has at most.
	Limit int
	// Bare leaves out values and writes.
	Bare bool
	// After is where the page before ended; nil for the first.
	After *Cursor
}

// Page is a part of a list. It may be empty although Next says that there is more.
type Page struct {
	Tuples []Tuple
	// Next is where this page ended; nil where nothing follows.
	Next *Cursor
}

// List reads one page, newest first by checkpoint id.
func (q *Queries) List(ctx context.Context, l Listing) (out Page, err error) {
	err = q.db.Read(ctx, func(tx *cut.Tx) error {
		at := cut.Point{Before: projections.AllNumbers, Now: true}
		if l.Stream != nil {
			var err error
			if at, err = tx.Point(ctx, *l.Stream); err != nil {
				return err
			}
		}
		page, more, err := q.find(ctx, tx, l, at.Before)
		if err != nil {
			return err
		}
		if n, _ := stored.Fit(page); n < len(page) {
			page, more = page[:n], cursorOf(page[n-1])
		}
		for i := range page {
			if l.Bare {
				page[i].Values = nil
			}
		}
		out.Next = more
		names := named{}
		if err := names.read(ctx, tx, page); err != nil {
			return err
		}
		out.Tuples, err = read(ctx, tx, page, names)
		return err
	})
	if err != nil {
		return Page{}, fmt.Errorf("list checkpoints of %s: %w", l.Tenant, err)
	}
	return out, nil
}

// find reads the rows of a page, and where the next one begins.
func (q *Queries) find(ctx context.Context, tx *cut.Tx, l Listing, before int64) ([]stored.Checkpoint, *Cursor, error) {
	if l.Limit == 0 {
		return nil, nil, nil
	}
	query := stored.Query{Bare: l.Bare, Sends: !l.Bare, Before: before}
	if l.Stream != nil && len(l.Filter) == 0 {
		query.Select, query.Args = l.rows(l.After, l.Limit+1)
		page, err := stored.Find(ctx, tx, query)
		if err == nil && len(page) > l.Limit {
			return page[:l.Limit], cursorOf(page[l.Limit-1]), nil
		}
		return page, nil, err
	}
	matches, next, err := scan(ctx, tx, l, before)
	if err != nil || len(matches) == 0 || l.Bare {
		return matches, next, err
	}
	query.Select, query.Args = keys(matches)
	page, err := stored.Find(ctx, tx, query)
	return page, next, err
}

// How many rows one page looks at, and how many at a time.
const (
	scanMost  = 2000
	scanBatch = 200
)

// scan reads rows until enough of them match. What it gives has neither values nor
// writes; the cursor is where it stopped looking, nil at the end.
func scan(ctx context.Context, tx *cut.Tx, l Listing, before int64) (matches []stored.Checkpoint, next *Cursor, err error) {
	next = l.After
	for range scanMost / scanBatch {
		query := stored.Query{Bare: true, Before: before}
		query.Select, query.Args = l.rows(next, scanBatch)
		page, err := stored.Find(ctx, tx, query)
		if err != nil {
			return nil, nil, err
		}
		if err := stored.ReadMetadata(ctx, tx, page); err != nil {
			return nil, nil, err
		}
		for i, c := range page {
			next = cursorOf(c)
			if !l.Filter.matches(c.Metadata) {
				continue
			}
			if matches = append(matches, c); len(matches) == l.Limit {
				if i+1 == len(page) && len(page) < scanBatch {
					return matches, nil, nil
				}
				return matches, next, nil
			}
		}
		if len(page) < scanBatch {
			return matches, nil, nil
		}
	}
	return matches, next, nil
}

// rows is the SQL for the rows after a cursor that the listing names, without its
// filter.
func (l Listing) rows(after *Cursor, most int) (string, []any) {
	w := &where{conditions: []string{`c.number < $1`}}
	if l.NS != nil {
		w.add(`c.ns_hash = ?`, projections.NSHash(*l.NS))
	}
	if l.ID != nil {
		w.add(`c.thread_ts = ?`, *l.ID)
	}
	if l.Before != nil {
		w.add(`c.thread_ts < ?`, *l.Before)
	}
	if after != nil {
		w.add(`c.thread_ts <= ?`, after.TS)
		w.add(`(c.thread_ts < ? OR (c.stream, c.ns_hash) > (?, ?))`, after.TS, projections.ShortKeyOf(after.stream(l.Tenant)), after.NSHash[:])
	}
	of := func(stream string) string {
		return fmt.Sprintf(`SELECT DISTINCT ON (c.thread_ts, c.stream, c.ns_hash) c.* FROM checkpoints c WHERE c.stream = %s AND %s
			ORDER BY c.thread_ts DESC, c.stream, c.ns_hash, c.number DESC LIMIT %d`, stream, strings.Join(w.conditions, ` AND `), most)
	}
	if l.Stream != nil {
		return of(w.parameter(projections.ShortKeyOf(l.Stream.String()))), w.args
	}
	// The newest of each of the tenant's workflows, and the newest of those.
	return fmt.Sprintf(`SELECT c.* FROM (SELECT short_key FROM workflows WHERE tenant = %s) w CROSS JOIN LATERAL (%s) c
		ORDER BY c.thread_ts DESC, c.stream, c.ns_hash LIMIT %d`, w.parameter(string(l.Tenant)), of("w.short_key"), most), w.args
}

// keys is the SQL for rows by their keys.
func keys(page []stored.Checkpoint) (string, []any) {
	streams, hashes, ids := make(projections.ShortKeys, len(page)), make([][]byte, len(page)), make([]uuid.UUID, len(page))
	for i, c := range page {
		streams[i], hashes[i], ids[i] = projections.ShortKeyOf(c.Stream), projections.NSHash(c.NS), c.ThreadTS
	}
	return `SELECT c.* FROM unnest($2::uuid[], $3::bytea[], $4::uuid[]) AS k(stream, ns_hash, thread_ts) CROSS JOIN LATERAL (` +
		projections.CheckpointOf("k", "$1") + `) c`, []any{streams, hashes, ids}
}

// where collects conditions and their arguments.
type where struct {
	conditions []string
	args       []any
}

// add puts a condition; each ? is the next argument.
func (w *where) add(condition string, args ...any) {
	for _, arg := range args {
		condition = strings.Replace(condition, "?", w.parameter(arg), 1)
	}
	w.conditions = append(w.conditions, condition)
}

// parameter names an argument; the first one of a query is another's.
func (w *where) parameter(arg any) string {
	w.args = append(w.args, arg)
	return fmt.Sprintf("$%d", len(w.args)+1)
}
