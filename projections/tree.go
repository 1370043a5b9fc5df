package projections

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
)

// queueTree reads which checkpoints there are, and which have writes.
func (s *Snapshots) queueTree(b *pgx.Batch, key ShortKey, facts *workflow.Facts) {
	tree := workflow.NewTree()
	facts.Tree = tree
	b.Queue(`SELECT ns, thread_ts, parent_ts, channels FROM checkpoints WHERE stream = $1 ORDER BY number`, key).Query(func(r pgx.Rows) error {
		for r.Next() {
			var k workflow.CheckpointKey
			var n workflow.Node
			var ns, channels []byte
			if err := r.Scan(&ns, &k.TS, &n.Parent, &channels); err != nil {
				return fmt.Errorf("read a checkpoint: %w", err)
			}
			if err := json.Unmarshal(channels, &n.Channels); err != nil {
				return fmt.Errorf("read channel names: %w", err)
			}
			k.NS = string(ns)
			tree.Nodes[k] = n
		}
		return r.Err()
	})
	b.Queue(`SELECT w.ns_hash, w.thread_ts, `+WriteColumns+` FROM writes w WHERE w.stream = $1`, key).Query(func(r pgx.Rows) error {
		written := map[checkpointAt][]WriteRow{}
		if err := scanWriteRows(r, written); err != nil {
			return err
		}
		for at := range written {
			tree.Written[at.ts] = true
		}
		return s.findSends(tree, written)
	})
}

// findSends notes which checkpoints of the tree have writes that are sends.
func (s *Snapshots) findSends(tree *workflow.Tree, written map[checkpointAt][]WriteRow) error {
	for key := range tree.Nodes {
		writes, err := s.codec.allWrites(written[checkpointAt{string(NSHash(key.NS)), key.TS}])
		if err != nil {
			return fmt.Errorf("writes of %s: %w", key.TS, err)
		}
		if slices.ContainsFunc(writes, func(w NumberedWrite) bool { return w.Channel == workflow.SendsChannel }) {
			tree.Sends[key] = true
		}
	}
	return nil
}

// queueRuns reads which checkpoints are of runs of a graph.
func queueRuns(b *pgx.Batch, key ShortKey, runs []string, into map[workflow.CheckpointKey]bool) {
	ids := col(runs, func(run *string) []byte { return []byte(*run) })
	b.Queue(`SELECT ns, thread_ts FROM (SELECT DISTINCT ON (ns_hash, thread_ts) ns, thread_ts, run_id FROM checkpoints WHERE stream = $1 ORDER BY ns_hash, thread_ts, number DESC) c
		WHERE run_id = ANY($2)`, key, ids).Query(func(r pgx.Rows) error {
		for r.Next() {
			var ns []byte
			var id uuid.UUID
			if err := r.Scan(&ns, &id); err != nil {
				return fmt.Errorf("read a checkpoint of a run: %w", err)
			}
			into[workflow.CheckpointKey{NS: string(ns), TS: id}] = true
		}
		return r.Err()
	})
}

// loadNewest reads what the newest checkpoint of each namespace stands on beside its
// values.
func (s *Snapshots) loadNewest(ctx context.Context, snap *Snapshot) error {
	tree := snap.Facts.Tree
	if tree == nil {
		return nil
	}
	key := snap.Stream.String()
	f, err := load(ctx, s.pool, s.codec, wanted{checkpoints: keysOf(ShortKeyOf(key), tree.Newest())})
	if err != nil {
		return err
	}
	// One that is not there was removed since: a commit that is decided on this is ignored.
	var there []workflow.CheckpointKey
	var values []value.Value
	for at, c := range f.checkpoints {
		there, values = append(there, at.key), append(values, c.Header, c.Metadata)
	}
	raws, err := s.assemble(ctx, key, values)
	if err != nil {
		return fmt.Errorf("newest checkpoints of %s: %w", key, err)
	}
	for i, at := range there {
		header, metadata := raws[2*i], raws[2*i+1]
		if header == nil || metadata == nil {
			return fmt.Errorf("newest checkpoints of %s: checkpoint %s: %w", key, at.TS, errRemoved)
		}
		node := tree.Nodes[at]
		node.Deltas, node.Legacy = workflow.DeltaChannels(metadata), workflow.SendsWithParent(header)
		tree.Nodes[at] = node
	}
	return nil
}
