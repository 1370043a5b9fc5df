package projections

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
)

// WriteColumns are what a WriteRow reads of a row w of writes. A row has the writes of
// one event, packed; one of before has a single write, in columns.
const WriteColumns = `w.number, w.packed, w.task, w.idx, w.task_path, w.channel, w.value`

// WriteRow is a row of the table writes on its way.
type WriteRow struct {
	Number int64

	packed, task, path, channel, value []byte
	idx                                *int32
}

// Columns are where to scan WriteColumns.
func (w *WriteRow) Columns() []any {
	return []any{&w.Number, &w.packed, &w.task, &w.idx, &w.path, &w.channel, &w.value}
}

// NumberedWrite is a pending write with its number.
type NumberedWrite struct {
	workflow.Write

	Number int64
}

// packWrites is the column of the writes of one event.
func (c *Codec) packWrites(writes []workflow.Write) []byte {
	return c.packColumn(workflow.AppendWrites(nil, writes))
}

// writesIn are the writes that a row has, in the order of the event.
func (c *Codec) writesIn(w WriteRow) ([]workflow.Write, error) {
	if w.packed == nil && w.idx != nil {
		v, err := c.ReadValue(w.value)
		return []workflow.Write{{Task: string(w.task), Idx: int(*w.idx), TaskPath: string(w.path), Channel: string(w.channel), Value: v}}, err
	}
	raw, err := c.unpackColumn(w.packed)
	if err != nil {
		return nil, fmt.Errorf("read writes: %w", err)
	}
	var out []workflow.Write
	if err := json.Unmarshal(raw, &out); err != nil {
		return nil, fmt.Errorf("read writes: %w", err)
	}
	return out, nil
}

// LatestWrites are the writes that count of those in the rows of one checkpoint, in the
// order of task and index: of each the last one.
func (c *Codec) LatestWrites(rows []WriteRow) ([]NumberedWrite, error) {
	all, err := c.allWrites(rows)
	if err != nil {
		return nil, err
	}
	out := all[:0]
	for i, w := range all {
		if last := i+1 == len(all) || all[i+1].Task != w.Task || all[i+1].Idx != w.Idx; last {
			out = append(out, w)
		}
	}
	return out, nil
}

// allWrites are the writes in rows, in the order of task, index and age.
func (c *Codec) allWrites(rows []WriteRow) ([]NumberedWrite, error) {
	slices.SortStableFunc(rows, func(a, b WriteRow) int { return cmp.Compare(a.Number, b.Number) })
	var out []NumberedWrite
	for _, row := range rows {
		writes, err := c.writesIn(row)
		if err != nil {
			return nil, err
		}
		for i, w := range writes {
			out = append(out, NumberedWrite{w, row.Number + int64(i)})
		}
	}
	slices.SortStableFunc(out, func(a, b NumberedWrite) int {
		return cmp.Or(cmp.Compare(a.Task, b.Task), cmp.Compare(a.Idx, b.Idx))
	})
	return out, nil
}

// scanWriteRows reads rows of ns_hash, thread_ts and WriteColumns.
func scanWriteRows(found pgx.Rows, into map[checkpointAt][]WriteRow) error {
	for found.Next() {
		var hash []byte
		var at checkpointAt
		var w WriteRow
		if err := found.Scan(append([]any{&hash, &at.ts}, w.Columns()...)...); err != nil {
			return fmt.Errorf("read writes: %w", err)
		}
		at.nsHash = string(hash)
		into[at] = append(into[at], w)
	}
	return found.Err()
}

// row is what is read of w once it is written.
func (w *writeRow) row() WriteRow { return WriteRow{Number: w.number, packed: w.packed} }

func (w *writeRow) at() checkpointAt { return checkpointAt{string(w.nsHash), w.threadTS} }

// overWrites adds the rows of a stream that the batch has made so far, and takes away
// what it has removed.
func (r *rows) overWrites(key ShortKey, written map[checkpointAt][]WriteRow) {
	for _, gone := range r.removed {
		if gone.stream == key {
			for at := range gone.writes {
				delete(written, at)
			}
		}
	}
	for i := range r.writes {
		if w := &r.writes[i]; w.stream == key {
			written[w.at()] = append(written[w.at()], w.row())
		}
	}
}

// valuesOf are the values of all writes in rows.
func (c *Codec) valuesOf(rows []WriteRow) ([]value.Value, error) {
	all, err := c.allWrites(rows)
	return col(all, func(w *NumberedWrite) value.Value { return w.Value }), err
}
