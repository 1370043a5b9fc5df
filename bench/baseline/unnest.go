package baseline

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"
)

// schema holds copies of the product's tables, in the product's own database.
const schema = "bare"

// Unnest inserts rows of the product's tables into copies of them that have the same
// columns, storage and indexes, in transactions of some rows each, one round trip a
// transaction, without waiting for the disk: as the projector writes them.
type Unnest struct {
	pool       *pgxpool.Pool
	tables     []string
	generation int64
}

// NewUnnest makes the copies, to be filled over that many connections.
func NewUnnest(ctx context.Context, database string, connections int32, tables ...string) (*Unnest, error) {
	pool, err := open(ctx, database, connections, "off")
	if err != nil {
		return nil, err
	}
	u := &Unnest{pool: pool, tables: tables}
	if err := u.Reset(ctx); err != nil {
		pool.Close()
		return nil, err
	}
	return u, nil
}

// Reset begins with empty copies.
func (u *Unnest) Reset(ctx context.Context) error {
	var b strings.Builder
	fmt.Fprintf(&b, "DROP SCHEMA IF EXISTS %[1]s CASCADE; CREATE SCHEMA %[1]s;", schema)
	for _, t := range u.tables {
		fmt.Fprintf(&b, "CREATE TABLE %s.%s (LIKE public.%s INCLUDING ALL);", schema, t, t)
	}
	if _, err := u.pool.Exec(ctx, b.String()); err != nil {
		return fmt.Errorf("copy the product's tables: %w", err)
	}
	return nil
}

// Close ends the connections.
func (u *Unnest) Close() { u.pool.Close() }

// Pool is for reading what is inserted.
func (u *Unnest) Pool() *pgxpool.Pool { return u.pool }

// Insert inserts all rows of the sets in that many transactions, each with its part
// of every set.
func (u *Unnest) Insert(ctx context.Context, sets []*Rows, transactions int) error {
	for i := range transactions {
		batch := &pgx.Batch{}
		for _, r := range sets {
			r.queue(batch, r.n*i/transactions, r.n*(i+1)/transactions, 0)
		}
		if err := u.send(ctx, batch); err != nil {
			return err
		}
	}
	return nil
}

func (u *Unnest) send(ctx context.Context, batch *pgx.Batch) error {
	if err := u.pool.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("insert rows: %w", err)
	}
	return nil
}

// Rate is how many rows of the first set are inserted a second, over that many
// connections in batches of size, with new keys each time round.
func (u *Unnest) Rate(ctx context.Context, sets []*Rows, connections, size int, length time.Duration, now func() time.Time) (float64, error) {
	began, done := now(), make([]int, connections)
	group, ctx := errgroup.WithContext(ctx)
	for c := range connections {
		u.generation++
		generation := u.generation << 20 // nobody else's while this one counts up
		group.Go(func() error {
			for from := 0; now().Sub(began) < length; from += size {
				if from+size > sets[0].n {
					from, generation = 0, generation+1
				}
				batch := &pgx.Batch{}
				for _, r := range sets {
					r.queue(batch, min(from, r.n), min(from+size, r.n), generation)
				}
				if err := u.send(ctx, batch); err != nil {
					return err
				}
				done[c] += size
			}
			return nil
		})
	}
	err := group.Wait()
	total := 0
	for _, n := range done {
		total += n
	}
	return float64(total) / now().Sub(began).Seconds(), err
}
