package projections

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
)

// Accepted is an accepted commit and where it stands.
type Accepted struct {
	Position domain.Position
	Commit   journal.Commit
}

// DecodeCommit reads a commit as Postgres holds it.
func (c *Codec) DecodeCommit(packed []byte) (journal.Commit, error) {
	record, err := c.UnpackCommit(packed)
	if err != nil {
		return journal.Commit{}, err
	}
	return journal.DecodeCommit(record)
}

// Commits reads accepted commits.
type Commits struct {
	pool   *pgxpool.Pool
	codec  *Codec
	recent *Recent
}

// NewCommits makes a Commits. What recent holds is not read back; nil for nothing.
func NewCommits(pool *pgxpool.Pool, recent *Recent) (*Commits, error) {
	codec, err := NewCodec()
	if err != nil {
		return nil, err
	}
	return &Commits{pool: pool, codec: codec, recent: recent}, nil
}

// From reads up to limit accepted commits of a partition, from an offset on.
func (c *Commits) From(ctx context.Context, partition int32, offset int64, limit int) ([]Accepted, error) {
	if c.recent != nil {
		if out, held := c.recent.since(partition, offset, limit); held {
			return out, nil
		}
	}
	found, err := c.pool.Query(ctx, `SELECT "offset", record FROM commits WHERE partition = $1 AND "offset" >= $2 ORDER BY "offset" LIMIT $3`,
		partition, offset, limit)
	if err != nil {
		return nil, fmt.Errorf("read commits of partition %d from %d: %w", partition, offset, err)
	}
	defer found.Close()
	var out []Accepted
	for found.Next() {
		a := Accepted{Position: domain.Position{Partition: partition}}
		var packed []byte
		if err := found.Scan(&a.Position.Offset, &packed); err != nil {
			return nil, fmt.Errorf("read a commit: %w", err)
		}
		if a.Commit, err = c.codec.DecodeCommit(packed); err != nil {
			return nil, fmt.Errorf("decode the commit at %s: %w", a.Position, err)
		}
		out = append(out, a)
	}
	return out, found.Err()
}
