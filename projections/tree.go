package projections

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
)

// sendsChannel is where LangGraph's writes stand that start tasks.
const sendsChannel = "__pregel_tasks"

// queueTree reads which checkpoints there are, and which have writes.
func queueTree(b *pgx.Batch, key string, facts *workflow.Facts) {
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
	b.Queue(`SELECT w.thread_ts, c.ns, bool_or(w.channel = $2) FROM writes w LEFT JOIN checkpoints c USING (stream, ns_hash, thread_ts)
		WHERE w.stream = $1 GROUP BY w.thread_ts, w.ns_hash, c.ns`, key, []byte(sendsChannel)).Query(func(r pgx.Rows) error {
		for r.Next() {
			var id uuid.UUID
			var ns []byte
			var sends bool
			if err := r.Scan(&id, &ns, &sends); err != nil {
				return fmt.Errorf("read a write: %w", err)
			}
			tree.Written[id] = true
			if sends && ns != nil {
				tree.Sends[workflow.CheckpointKey{NS: string(ns), TS: id}] = true
			}
		}
		return r.Err()
	})
}

// queueRuns reads which checkpoints are of runs of a graph.
func queueRuns(b *pgx.Batch, key string, runs []string, into map[workflow.CheckpointKey]bool) {
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
	keys := tree.Newest()
	f, err := load(ctx, s.pool, wanted{checkpoints: keysOf(key, keys)})
	if err != nil {
		return err
	}
	for _, k := range keys {
		c, there := f.checkpoints[checkpointKey{key, k}]
		if !there {
			continue // removed since: a commit that is decided on this is ignored
		}
		node := tree.Nodes[k]
		if err := s.standsOn(ctx, key, c, &node); err != nil {
			return err
		}
		tree.Nodes[k] = node
	}
	return nil
}

// standsOn reads from header and metadata of a checkpoint what else it needs.
func (s *Snapshots) standsOn(ctx context.Context, key string, c workflow.Checkpoint, node *workflow.Node) error {
	manifests := make([]value.Manifest, 2)
	for i, v := range []value.Value{c.Header, c.Metadata} {
		var err error
		if manifests[i], err = v.Resolve(nil, nil); err != nil {
			return fmt.Errorf("checkpoint %s: %w", c.Key.TS, err)
		}
	}
	fetch, err := s.fetcher(ctx, key, manifests)
	if err != nil {
		return err
	}
	raws := make([][]byte, len(manifests))
	for i, m := range manifests {
		if raws[i], err = value.Assemble(m, fetch); err != nil {
			return fmt.Errorf("checkpoint %s: %w", c.Key.TS, err)
		}
	}
	node.Deltas, node.Legacy = workflow.StandsOn(raws[0], raws[1])
	return nil
}
