package workflow

import (
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Tree is everything a workflow has checkpoints or writes of. A command that asks for it
// is the first that is decided on it.
type Tree struct {
	Nodes map[CheckpointKey]Node
	// Written are the ids that have writes, also those whose checkpoint is not there.
	Written map[uuid.UUID]bool
	// Sends are the checkpoints with writes that start tasks (SendsChannel).
	Sends map[CheckpointKey]bool
}

// Node is one checkpoint of a tree.
type Node struct {
	Parent *uuid.UUID
	// Channels are the names of those that have a value.
	Channels []string
	// Deltas are the channels whose value is in the writes of the steps before, and
	// Legacy says that the writes that start its tasks are its parent's. Both are known
	// of the newest checkpoint of each namespace.
	Deltas []string
	Legacy bool
}

// NewTree is a tree with nothing in it.
func NewTree() *Tree {
	return &Tree{Nodes: map[CheckpointKey]Node{}, Written: map[uuid.UUID]bool{}, Sends: map[CheckpointKey]bool{}}
}

func (t *Tree) size() int {
	if t == nil {
		return 0
	}
	return len(t.Nodes)
}

// newest is the id with the latest time in it; nil where none has one.
func (t *Tree) newest() *uuid.UUID {
	if t == nil {
		return nil
	}
	ids := map[uuid.UUID]bool{}
	maps.Copy(ids, t.Written)
	for key := range t.Nodes {
		ids[key.TS] = true
	}
	var out *uuid.UUID
	var latest time.Time
	for id := range ids {
		made, known := timeOf(id)
		if known && (out == nil || made.After(latest) || made.Equal(latest) && after(id, *out)) {
			out, latest = &id, made
		}
	}
	return out
}

// Newest are the newest checkpoints, one of each namespace.
func (t *Tree) Newest() []CheckpointKey {
	newest := map[string]CheckpointKey{}
	for key := range t.Nodes {
		if n, has := newest[key.NS]; !has || after(key.TS, n.TS) {
			newest[key.NS] = key
		}
	}
	return slices.Collect(maps.Values(newest))
}

// latest is the newest checkpoint of each namespace and what it stands on: the steps
// back to a stored value of each channel that is kept in writes, and the parent that
// starts its tasks.
func (t *Tree) latest() map[CheckpointKey]bool {
	kept := map[CheckpointKey]bool{}
	if t == nil {
		return kept
	}
	for _, key := range t.Newest() {
		kept[key] = true
		node := t.Nodes[key]
		open := without(node.Deltas, node.Channels)
		for node.Parent != nil {
			up := CheckpointKey{key.NS, *node.Parent}
			next, there := t.Nodes[up]
			starts := node.Legacy && t.Sends[up]
			if !there || len(open) == 0 && !starts || kept[up] {
				break
			}
			kept[up] = true
			open = without(open, next.Channels)
			next.Legacy = false
			node = next
		}
	}
	return kept
}

// without are those of names that are not among others.
func without(names, others []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(others, name) })
}
