package checkpoints

import (
	"context"
	"fmt"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/cut"
	"github.com/duolog/duolog/projections/queries/stored"
)

// Channel reads the bytes of one channel of a checkpoint, and says whether there are
// any.
func (q *Queries) Channel(ctx context.Context, stream domain.StreamID, key workflow.CheckpointKey, channel string) (raw []byte, there bool, err error) {
	query := stored.Query{
		Select: projections.CheckpointAt("$2", "$3", "$4", "$1"), Before: projections.AllNumbers,
		Args: []any{projections.ShortKeyOf(stream.String()), projections.NSHash(key.NS), key.TS}, Bare: true, // of the values one is read
	}
	err = q.db.Read(ctx, func(tx *cut.Tx) error {
		found, err := stored.Find(ctx, tx, query)
		if err != nil || len(found) == 0 {
			return err
		}
		raw, there, err = stored.ReadChannel(ctx, tx, &found[0], channel)
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("read channel %q of checkpoint %s of %s: %w", channel, key.TS, stream, err)
	}
	return raw, there, nil
}
