package workflow

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/value"
)

// PruneStrategy says what a pruning leaves.
type PruneStrategy string

// The strategies.
const (
	// PruneKeepLatest leaves the newest checkpoint of each namespace with all that it
	// stands on.
	PruneKeepLatest PruneStrategy = "keep_latest"
	// PruneDelete leaves nothing.
	PruneDelete PruneStrategy = "delete"
)

func (s PruneStrategy) validate() error {
	if s != PruneKeepLatest && s != PruneDelete {
		return domain.InvalidField("strategy", fmt.Sprintf("strategy %.40q is not one", s), "send keep_latest or delete")
	}
	return nil
}

// ReasonExpired is why something is removed that was kept long enough.
const ReasonExpired = "expired"

// ThreadPruned says that checkpoints are gone, with their writes. It stands on the
// commit before it, so that what there was then is known: all but Kept, or Removed,
// one of which is set.
type ThreadPruned struct {
	// Kept and Removed are JSON: the ids of checkpoints in lists, by namespace.
	Kept    *value.Value `json:"kept,omitempty"`
	Removed *value.Value `json:"removed,omitempty"`
	// Count is how many checkpoints are gone.
	Count int `json:"count"`
	// Reason is why, where nobody asked for it: expired.
	Reason string `json:"reason,omitempty"`
}

// Gone says which checkpoints the event removes. Fetch reads the bytes of its lists.
func (e ThreadPruned) Gone(fetch Fetch) (func(CheckpointKey) bool, error) {
	list, kept := e.Removed, false
	if list == nil {
		list, kept = e.Kept, true
	}
	if list == nil {
		return nil, fmt.Errorf("a pruning says neither what is kept nor what is removed")
	}
	keys, err := readKeys(*list, fetch)
	if err != nil {
		return nil, fmt.Errorf("what was pruned: %w", err)
	}
	return func(key CheckpointKey) bool { return keys[key] != kept }, nil
}

func readKeys(v value.Value, fetch Fetch) (map[CheckpointKey]bool, error) {
	m, err := v.Resolve(nil, fetch)
	if err != nil {
		return nil, err
	}
	raw, err := value.Assemble(m, fetch.All)
	if err != nil {
		return nil, err
	}
	var byNS map[string][]uuid.UUID
	if err := json.Unmarshal(raw, &byNS); err != nil {
		return nil, err
	}
	out := map[CheckpointKey]bool{}
	for ns, ids := range byNS {
		for _, id := range ids {
			out[CheckpointKey{ns, id}] = true
		}
	}
	return out, nil
}

// keys makes a value of checkpoints and keeps its bytes for the commit.
func (o *Outcome) keys(list map[CheckpointKey]bool) (*value.Value, error) {
	byNS := map[string][]uuid.UUID{}
	for _, key := range slices.SortedFunc(maps.Keys(list), compareKeys) {
		byNS[key.NS] = append(byNS[key.NS], key.TS)
	}
	raw, err := json.Marshal(byNS)
	if err != nil {
		return nil, fmt.Errorf("encode the keys of checkpoints: %w", err)
	}
	v := o.whole(value.TypeJSON, raw)
	return &v, nil
}

func compareKeys(a, b CheckpointKey) int {
	switch {
	case after(a.TS, b.TS):
		return 1
	case after(b.TS, a.TS):
		return -1
	}
	return 0
}

// PruneThread removes what is not needed any more of a thread.
type PruneThread struct {
	onAll

	Strategy PruneStrategy `json:"strategy"`
}

// CommandType names the command.
func (*PruneThread) CommandType() string { return "workflow.prune_thread" }

// Want asks for all there is.
func (*PruneThread) Want(State, Env) Want { return Want{Tree: true} }

// Decide removes what the strategy does not leave. Of a thread that is not there nothing
// is.
func (c *PruneThread) Decide(s State, f *Facts, env Env) (Outcome, error) {
	if err := c.Strategy.validate(); err != nil {
		return Outcome{}, err
	}
	if !s.Exists() {
		return alreadySo()
	}
	if err := s.mayManage(env); err != nil {
		return Outcome{}, err
	}
	return s.prune(f, c.Strategy, "")
}

// prune removes by a strategy.
func (s State) prune(f *Facts, strategy PruneStrategy, reason string) (Outcome, error) {
	if strategy == PruneDelete {
		return s.deleteThread(f, reason)
	}
	kept := f.Tree.latest()
	count := f.Tree.size() - len(kept)
	if count == 0 {
		return alreadySo()
	}
	var out Outcome
	list, err := out.keys(kept)
	if err != nil {
		return Outcome{}, err
	}
	out.Events, out.Count = []Event{ThreadPruned{Kept: list, Count: count, Reason: reason}}, count
	return out, nil
}

// DeleteRuns removes the checkpoints that runs of a graph have made: those whose
// metadata says so.
type DeleteRuns struct {
	onAll

	Runs []string `json:"run_ids"`
}

// CommandType names the command.
func (*DeleteRuns) CommandType() string { return "workflow.delete_runs" }

// Want asks for the checkpoints of the runs.
func (c *DeleteRuns) Want(State, Env) Want { return Want{Runs: c.Runs} }

// Decide removes them. Those of which there is nothing are gone.
func (c *DeleteRuns) Decide(s State, f *Facts, env Env) (Outcome, error) {
	if !s.Exists() {
		return alreadySo()
	}
	if err := s.mayManage(env); err != nil {
		return Outcome{}, err
	}
	if len(f.OfRuns) == 0 {
		return alreadySo()
	}
	var out Outcome
	list, err := out.keys(f.OfRuns)
	if err != nil {
		return Outcome{}, err
	}
	out.Events, out.Count = []Event{ThreadPruned{Removed: list, Count: len(f.OfRuns)}}, len(f.OfRuns)
	return out, nil
}
