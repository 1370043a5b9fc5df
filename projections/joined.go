package projections

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/workflow"
)

// joinedRow is a command that was decided into the commit of another.
type joinedRow struct {
	commandID   uuid.UUID
	number      int64
	commandHash []byte
}

// foldJoined remembers the commands that a commit carries out beside the one that it
// names. In an import they are those of another stream, which are nothing here: there
// the event is not the last one of its commit.
func (f *folder) foldJoined(d *decoded, e workflow.CommandsJoined, number int64) (func(*rows), error) {
	last := len(d.workflow) - 1
	if number != d.position.ItemNumber(f.partitions, last) {
		return nil, nil
	}
	joined := make([]joinedRow, len(e.Commands))
	for i, c := range e.Commands {
		if c.First < 1 || c.First >= last {
			return nil, fmt.Errorf("command %s begins with event %d of %d", c.ID, c.First, last)
		}
		joined[i] = joinedRow{c.ID, d.position.ItemNumber(f.partitions, c.First), bodyOf(c.CommandRef)}
	}
	return func(r *rows) { r.joined = append(r.joined, joined...) }, nil
}

// bodyOf is the column of what came under a client's key.
func bodyOf(c journal.CommandRef) []byte {
	if c.Hash == (journal.Hash{}) {
		return []byte{}
	}
	return c.Hash[:]
}

// insertJoined leaves alone what is there, as where a stream is folded anew.
func (r *rows) insertJoined() statement {
	if len(r.joined) == 0 {
		return statement{}
	}
	rows := r.joined
	return statement{`INSERT INTO joined (command_id, number, command_hash)
		SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bytea[])
		ON CONFLICT DO NOTHING`, []any{
		uuidCol(rows, func(r *joinedRow) *uuid.UUID { return &r.commandID }),
		col(rows, func(r *joinedRow) int64 { return r.number }),
		col(rows, func(r *joinedRow) []byte { return r.commandHash }),
	}}
}
