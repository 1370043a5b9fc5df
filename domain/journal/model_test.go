package journal_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/value"
)

// Several writers commit to one stream. Each decides on the head it knows,
// which may be old; appends are lost, come twice, late and in any order. The
// model says: a commit counts if it was decided on the last one that counts.
func TestOneChain(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := &world{admitted: admitted{known: map[value.Address]bool{}}, knows: make([]int, 3)}
		t.Repeat(map[string]func(*rapid.T){
			"decide": w.decide, "append": w.appendOne, "lose": w.lose, "read": w.read, "": w.check,
		})
	})
}

// world is the log, what is under way to it, and the model.
type world struct {
	admitted

	n      int
	flying []flight
	// knows is how much of the chain each writer has read.
	knows []int
	log   []journal.Record
	// chain is the model: the commits that count, by number, and their hashes.
	chain  []int
	hashes []journal.Hash
}

type flight struct {
	number, on int // on is the length of the chain it was decided on
	parent     journal.Hash
	packed     journal.Packed
}

func (w *world) headAt(length int) journal.Hash {
	if length == 0 {
		return journal.Hash{}
	}
	return w.hashes[length-1]
}

func (w *world) decide(t *rapid.T) {
	writer := rapid.IntRange(0, len(w.knows)-1).Draw(t, "writer")
	on, parent := w.knows[writer], w.headAt(w.knows[writer])
	if len(w.flying) > 0 && rapid.Bool().Draw(t, "on one of its own") {
		f := rapid.SampledFrom(w.flying).Draw(t, "before")
		on, parent = -1, f.packed.Hash // counts only if f is the head then
	}
	w.n++
	packed, err := journal.Pack(commit(parent, w.n), nil, partitions)
	if err != nil {
		t.Fatal(err)
	}
	w.flying = append(w.flying, flight{w.n, on, parent, packed})
}

func (w *world) appendOne(t *rapid.T) {
	if len(w.flying) == 0 {
		t.Skip()
	}
	i := rapid.IntRange(0, len(w.flying)-1).Draw(t, "which")
	f := w.flying[i]
	if !rapid.Bool().Draw(t, "and once more later") {
		w.flying = slices.Delete(w.flying, i, i+1)
	}
	r := record(f.packed.Commit, int64(len(w.log)))
	w.log = append(w.log, r)
	counts := f.on == len(w.chain) || f.on < 0 && len(w.chain) > 0 && f.parent == w.headAt(len(w.chain))
	reason := w.take(r)
	if counts != (reason == "") || !counts && reason != journal.ReasonStaleParent {
		t.Fatalf("commit %d on %s: %q, the model says %t", f.number, f.parent, reason, counts)
	}
	if counts {
		w.chain, w.hashes = append(w.chain, f.number), append(w.hashes, f.packed.Hash)
	}
}

func (w *world) lose(t *rapid.T) {
	if len(w.flying) == 0 {
		t.Skip()
	}
	i := rapid.IntRange(0, len(w.flying)-1).Draw(t, "which")
	w.flying = slices.Delete(w.flying, i, i+1)
}

func (w *world) read(t *rapid.T) {
	writer := rapid.IntRange(0, len(w.knows)-1).Draw(t, "writer")
	w.knows[writer] = rapid.IntRange(w.knows[writer], len(w.chain)).Draw(t, "up to")
}

// check replays the log from its first record: it says the same, and no commit
// counts twice.
func (w *world) check(t *rapid.T) {
	again := admitted{known: map[value.Address]bool{}}
	var hashes []journal.Hash
	for _, r := range w.log {
		if again.take(r) == "" {
			hashes = append(hashes, again.head)
		}
	}
	if !slices.Equal(hashes, w.hashes) {
		t.Fatalf("a replay has %d commits, not %d", len(hashes), len(w.hashes))
	}
	sorted := slices.Sorted(slices.Values(w.chain))
	if len(slices.Compact(sorted)) != len(w.chain) {
		t.Fatalf("a commit counts twice: %v", w.chain)
	}
}
