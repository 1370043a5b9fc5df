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
	"github.com/duolog/duolog/projections"
)

// DB is what every query package reads from. It is safe for concurrent use.
type DB struct {
	Pool  *pgxpool.Pool
	Codec *projections.Codec
	// Partitions is the count of the journal: numbers and keys depend on it.
	Partitions int32
}

// Tx is one cut: everything read in it is of the same moment.
type Tx struct {
	pgx.Tx
	codec *projections.Codec
}

// Read runs fn on one cut. It returns not_now where Postgres is away, or where
// the tables are being made anew.
func (d DB) Read(ctx context.Context, fn func(*Tx) error) error {
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, d.Pool, options, func(tx pgx.Tx) error {
		return fn(&Tx{Tx: tx, codec: d.Codec})
	})
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

// DecodeJSON reads a column that holds JSON, and names it where it cannot.
func DecodeJSON(what string, raw []byte, into any) error {
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("read %s: %w", what, err)
	}
	return nil
}
