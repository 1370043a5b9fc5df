package projections

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/duolog/duolog/domain/journal"
)

// derivedTables are the tables that a rebuild must give back row by row, each
// with the order that names its rows. Leases and nodes are ephemeral.
func derivedTables() []struct{ name, order string } {
	return []struct{ name, order string }{
		{"offsets", "partition"},
		{"commits", `partition, "offset"`},
		{"ignored", `partition, "offset"`},
		{"heads", "stream"},
		{"stopped", "stream"},
		{"blobs", "stream, address"},
		{"manifests", "stream, id"},
		{"manifest_parts", "stream, address"},
		{"workflows", "stream"},
		{"checkpoints", "stream, ns_hash, thread_ts, number"},
		{"writes", "stream, ns_hash, thread_ts, number"},
		{"states", `stream, "offset"`},
		{"conversations", "stream"},
		{"messages", "stream, message_id"},
		{"directory", "stream, kind, path, name, number"},
		{"deliveries", "stream, id"},
		{"attempts", "stream, id, attempt"},
		{"intents", "stream, kind, id"},
		{"traces", "kind, id"},
		{"lineages", "stream"},
		{"pins", "stream, number"},
		{"joined", "command_id, number"},
		{"access_decisions", "stream, number"},
	}
}

func derivedNames() []string {
	var names []string
	for _, t := range derivedTables() {
		names = append(names, t.name)
	}
	return names
}

// Truncate empties the read models, offsets included: the projectors, wherever
// they run, start again at the first record. What is lost is only time.
func Truncate(ctx context.Context, pool *pgxpool.Pool) error {
	if _, err := pool.Exec(ctx, "TRUNCATE "+strings.Join(derivedNames(), ", ")); err != nil {
		return fmt.Errorf("empty the read models: %w", err)
	}
	return nil
}

// Analyze gives Postgres statistics of the read models, as after a replay: until
// it has them, it plans for empty tables.
func Analyze(ctx context.Context, pool *pgxpool.Pool) error {
	for _, t := range derivedTables() {
		if _, err := pool.Exec(ctx, "ANALYZE "+t.name); err != nil {
			return fmt.Errorf("analyze %s: %w", t.name, err)
		}
	}
	return nil
}

// Progress is told how far a replay has come.
type Progress func(partition int32, next, end int64)

// Replay projects one partition up to an offset. Another projector may do part
// of it: its work counts.
func (p *Projector) Replay(ctx context.Context, partition int32, end int64, progress Progress) error {
	for {
		err := p.replay(ctx, partition, end, progress)
		if !errors.Is(err, errLost) {
			return err
		}
	}
}

func (p *Projector) replay(ctx context.Context, partition int32, end int64, progress Progress) error {
	at, err := p.standing(ctx, partition)
	if err != nil || at.next >= end {
		return err
	}
	reader, err := p.cfg.Log.OpenReader(ctx, partition, at.next)
	if err != nil {
		return fmt.Errorf("read partition %d from %d: %w", partition, at.next, err)
	}
	defer reader.Close() //nolint:errcheck // nothing to lose: the offset is in Postgres
	set, err := newWorkingSet(p.codec)
	if err != nil {
		return err
	}
	for at.next < end {
		records, err := reader.Next(ctx, batchRecords, batchBytes)
		if err != nil {
			return fmt.Errorf("read partition %d at %d: %w", partition, at.next, err)
		}
		if records = before(records, end); len(records) == 0 {
			return fmt.Errorf("partition %d has no record before %d after %d", partition, end, at.next)
		}
		if at.next, err = p.project(ctx, partition, at, set, records); err != nil {
			return err
		}
		progress(partition, at.next, end)
	}
	return nil
}

func before(records []journal.Record, end int64) []journal.Record {
	for i, r := range records {
		if r.Position.Offset >= end {
			return records[:i]
		}
	}
	return records
}

// Difference is one row that the read models have and a replay has not, or the
// other way round.
type Difference struct {
	Table string
	// Row is the row as text; Side says who has it: live or replay.
	Row  string
	Side string
}

// Cut pins what the live read models show now and says up to where that is, so
// that a replay can be compared with it while writes go on.
type Cut struct {
	tx   pgx.Tx
	Ends map[int32]int64
}

// OpenCut pins the live read models. Close it.
func OpenCut(ctx context.Context, pool *pgxpool.Pool) (*Cut, error) {
	tx, err := pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, fmt.Errorf("pin the read models: %w", err)
	}
	c := &Cut{tx: tx}
	if c.Ends, err = Offsets(ctx, tx); err != nil {
		return nil, errors.Join(err, c.Close(ctx))
	}
	return c, nil
}

// Offsets is how far each partition has come, in one cut.
func Offsets(ctx context.Context, tx querier) (map[int32]int64, error) {
	rows, err := tx.Query(ctx, `SELECT partition, next FROM offsets`)
	if err != nil {
		return nil, fmt.Errorf("read offsets: %w", err)
	}
	out := map[int32]int64{}
	var p int32
	var next int64
	if _, err = pgx.ForEachRow(rows, []any{&p, &next}, func() error { out[p] = next; return nil }); err != nil {
		return nil, fmt.Errorf("read offsets: %w", err)
	}
	return out, nil
}

// Close lets the pinned state go.
func (c *Cut) Close(ctx context.Context) error { return c.tx.Rollback(ctx) }

// maxDifferences bounds what one comparison reports of a table.
const maxDifferences = 20

// Compare compares every derived table row by row with a replay of the same cut.
func (c *Cut) Compare(ctx context.Context, replay *pgxpool.Pool) ([]Difference, error) {
	var out []Difference
	for _, t := range derivedTables() {
		columns, where := "t.*", ""
		switch t.name {
		case "stopped":
			columns = `t.stream, t.partition, t."offset"`
		case "offsets":
			where = "WHERE next > 0" // who begins with a partition makes its row before it has anything
		}
		sql := fmt.Sprintf(`SELECT ROW(%s)::text FROM %s t %s ORDER BY %s`, columns, t.name, where, t.order)
		found, err := compareTable(ctx, c.tx, replay, t.name, sql)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

type rowQuerier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func compareTable(ctx context.Context, live, replay rowQuerier, table, sql string) ([]Difference, error) {
	a, err := live.Query(ctx, sql)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", table, err)
	}
	defer a.Close()
	b, err := replay.Query(ctx, sql)
	if err != nil {
		return nil, fmt.Errorf("read the replay's %s: %w", table, err)
	}
	defer b.Close()
	var out []Difference
	for len(out) < maxDifferences {
		left, moreA, err := nextRow(a)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", table, err)
		}
		right, moreB, err := nextRow(b)
		if err != nil {
			return nil, fmt.Errorf("read the replay's %s: %w", table, err)
		}
		if !moreA && !moreB {
			break
		}
		if left == right {
			continue
		}
		if moreA {
			out = append(out, Difference{table, left, "live"})
		}
		if moreB {
			out = append(out, Difference{table, right, "replay"})
		}
	}
	return out, nil
}

func nextRow(r pgx.Rows) (row string, more bool, err error) {
	if !r.Next() {
		return "", false, r.Err()
	}
	return row, true, r.Scan(&row)
}
