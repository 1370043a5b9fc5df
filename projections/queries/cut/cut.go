package cut

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/projections"
)

// DB is what every query package reads from. It is safe for concurrent use.
type DB struct {
	Pool  *pgxpool.Pool
	Codec *projections.Codec
	// Partitions is the count of the journal: numbers and keys depend on it.
	Partitions int32
	// Cache keeps bytes between reads; nil for none.
	Cache *Cache

	at At
}

// At is the same database, read as of then: where a stream is read, it is read up to
// there.
func (d DB) At(at At) DB {
	d.at = at
	return d
}

// Tx is one cut: everything read in it is of the same moment.
type Tx struct {
	asker

	codec      *projections.Codec
	cache      *Cache
	partitions int32
	at         At
	// past is the state of the past that was folded last.
	past foldedState
}

// asker is what a cut asks.
type asker interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// Read runs fn on one cut. It returns not_now where Postgres is away, or where
// the tables are being made anew.
func (d DB) Read(ctx context.Context, fn func(*Tx) error) error {
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, d.Pool, options, func(tx pgx.Tx) error {
		return fn(d.tx(tx))
	})
	return NotNow(err)
}

func (d DB) tx(on asker) *Tx {
	return &Tx{asker: on, codec: d.Codec, cache: d.Cache, partitions: d.Partitions, at: d.at}
}

// ReadOnce is Read for an fn that sends one batch, whose statements are one cut by
// themselves, and then reads nothing but bytes by their address. It saves the round
// trips of a transaction. Bytes that were removed between the two have it run again,
// on one cut: fn must begin anew each time.
func (d DB) ReadOnce(ctx context.Context, fn func(*Tx) error) error {
	if d.at.Set() {
		return d.Read(ctx, fn)
	}
	err := fn(d.tx(d.Pool))
	if errors.Is(err, errRemoved) {
		return d.Read(ctx, fn)
	}
	return NotNow(err)
}

// NotNow is not_now where Postgres is away, or where the tables are being made
// anew, and any other error as it is.
func NotNow(err error) error {
	if away(err) {
		return &domain.Error{Code: domain.CodeNotNow, Message: "the read models cannot be read right now", Fix: "send the same request again; duolog doctor says what is wrong if it stays", Err: err}
	}
	return err
}

// away says whether an error is that of a server that cannot be reached, is
// stopping or starting, or has no tables yet.
func away(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		const undefinedTable = "42P01"
		return pg.Code == undefinedTable || len(pg.Code) > 2 && slices.Contains([]string{"08", "53", "57", "58"}, pg.Code[:2])
	}
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	_, network := errors.AsType[net.Error](err)
	return connecting || pgconn.SafeToRetry(err) || network && !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// PartitionOf is where the records of a stream are.
func (d DB) PartitionOf(stream domain.StreamID) int32 {
	return journal.PartitionOf([]byte(stream.String()), d.Partitions)
}

// Partitions is the count of the journal.
func (t *Tx) Partitions() int32 { return t.partitions }

// Next is the first position of the partition that the cut does not show: who
// waits for it misses nothing.
func (t *Tx) Next(ctx context.Context, partition int32) (domain.Position, error) {
	at := domain.Position{Partition: partition}
	err := t.QueryRow(ctx, `SELECT coalesce((SELECT next FROM offsets WHERE partition = $1), 0)`, partition).Scan(&at.Offset)
	if err != nil {
		return at, fmt.Errorf("read the offset of partition %d: %w", partition, err)
	}
	return at, nil
}

// DecodeCommit reads the record of a commit.
func (t *Tx) DecodeCommit(record []byte) (journal.Commit, error) { return t.codec.DecodeCommit(record) }

// ReadValue reads a column that holds a value, and names it where it cannot.
func (t *Tx) ReadValue(what string, column []byte) (value.Value, error) {
	v, err := t.codec.ReadValue(column)
	if err != nil {
		return v, fmt.Errorf("%s: %w", what, err)
	}
	return v, nil
}

// LatestWrites are the writes that count of those in the rows of one checkpoint.
func (t *Tx) LatestWrites(rows []projections.WriteRow) ([]projections.NumberedWrite, error) {
	return t.codec.LatestWrites(rows)
}

// DecodeJSON reads a column that holds JSON, and names it where it cannot.
func DecodeJSON(what string, raw []byte, into any) error {
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("read %s: %w", what, err)
	}
	return nil
}
