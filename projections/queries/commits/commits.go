package commits

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/cut"
)

// Page is what follows a cut.
type Page struct {
	Commits []projections.Accepted
	// Last is the cut after everything that was looked at: other tenants' records,
	// which are not shown, are among it.
	Last domain.Cut
	// More says that it is not yet all there is.
	More bool
}

// window bounds how many records of each partition one page looks at, shown or not:
// a page of a tenant with few events costs no more than that.
const window = 2000

// Queries reads commits. It is safe for concurrent use.
type Queries struct{ db cut.DB }

// New makes a Queries.
func New(db cut.DB) *Queries { return &Queries{db: db} }

// Partitions is how many a cut may name.
func (q *Queries) Partitions() int32 { return q.db.Partitions }

// End is the cut after everything that shows now.
func (q *Queries) End(ctx context.Context) (domain.Cut, error) {
	end := domain.Cut{}
	err := q.db.Read(ctx, func(tx *cut.Tx) error {
		next, err := projections.Offsets(ctx, tx)
		for p, n := range next {
			if n > 0 {
				end[p] = n - 1
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("end of the log: %w", err)
	}
	return end, nil
}

// After reads what follows a cut, at most so many commits of each partition. A
// commit is never cut.
func (q *Queries) After(ctx context.Context, tenant domain.Tenant, after domain.Cut, commits int) (Page, error) {
	var page Page
	err := q.db.Read(ctx, func(tx *cut.Tx) error {
		next, err := projections.Offsets(ctx, tx)
		if err != nil {
			return err
		}
		page, err = q.read(ctx, tx, tenant, after, next, commits)
		return err
	})
	if err != nil {
		return page, fmt.Errorf("commits of %s: %w", tenant, err)
	}
	return page, nil
}

// read looks at a window of each partition.
func (q *Queries) read(ctx context.Context, tx *cut.Tx, tenant domain.Tenant, after domain.Cut, next map[int32]int64, commits int) (Page, error) {
	page := Page{Last: domain.Cut{}}
	var partitions []int32
	var from, to []int64
	for p := range q.db.Partitions {
		first := int64(0)
		if at, read := after[p]; read {
			first, page.Last[p] = at+1, at
		}
		end := min(next[p], first+window)
		if end <= first {
			continue
		}
		partitions, from, to = append(partitions, p), append(from, first), append(to, end)
		page.Last[p] = end - 1
		page.More = page.More || end < next[p]
	}
	found, err := tx.Query(ctx, `SELECT c.partition, c."offset", c.record
		FROM unnest($1::int[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS w(partition, first, past, n), LATERAL (
			SELECT * FROM commits WHERE partition = w.partition AND "offset" >= w.first AND "offset" < w.past AND tenant = $4
			ORDER BY "offset" LIMIT $5) c
		ORDER BY w.n, c."offset"`, partitions, from, to, string(tenant), commits)
	if err != nil {
		return page, fmt.Errorf("read commits: %w", err)
	}
	defer found.Close()
	of := map[int32]int{}
	for found.Next() {
		c, err := scan(tx, found)
		if err != nil {
			return page, err
		}
		page.Commits = append(page.Commits, c)
		if at := c.Position; of[at.Partition]+1 == commits {
			page.More = page.More || page.Last[at.Partition] > at.Offset
			page.Last[at.Partition] = at.Offset // what comes behind it was not looked at
		}
		of[c.Position.Partition]++
	}
	return page, found.Err()
}

func scan(tx *cut.Tx, row pgx.Rows) (c projections.Accepted, err error) {
	var packed []byte
	if err := row.Scan(&c.Position.Partition, &c.Position.Offset, &packed); err != nil {
		return c, fmt.Errorf("read a commit: %w", err)
	}
	if c.Commit, err = tx.DecodeCommit(packed); err != nil {
		return c, fmt.Errorf("commit at %s: %w", c.Position, err)
	}
	return c, nil
}
