package dispatch

import (
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/projections"
)

const (
	// warmBytes bounds what is remembered of all streams, warmest what is
	// remembered of one.
	warmBytes = 32 << 20
	warmest   = 1 << 20
	// warmStreams bounds how many they are: also little things take room.
	warmStreams = 8 << 10
)

// warm remembers streams as this process's last accepted commit left them: head,
// state, and the facts that the next step stands on. It saves looking them up
// again.
//
// What it holds may be old: another node may have written since. That is no
// matter for a decision to append, whose commit names the remembered head and is
// ignored when it is not the head any more. A decision that appends nothing has
// no such proof, and is never made on it (see round).
//
// Where nodes write to one stream in turn, as behind a round-robin, every memory
// of it is old. Such a stream is shared: it is looked up each time, until a look
// finds it as it was left.
type warm struct {
	mu      sync.Mutex
	streams *simplelru.LRU[domain.StreamID, remembered]
	shared  *simplelru.LRU[domain.StreamID, struct{}]
	bytes   int
}

type remembered struct {
	snap   *projections.Snapshot
	weight int
}

func newWarm() *warm {
	w := &warm{}
	// The size is above 0: it cannot fail.
	w.streams, _ = simplelru.NewLRU(warmStreams, func(_ domain.StreamID, r remembered) { w.bytes -= r.weight })
	w.shared, _ = simplelru.NewLRU[domain.StreamID, struct{}](warmStreams, nil)
	return w
}

// take gives what is remembered of a stream, which is then the caller's alone;
// nil for nothing.
func (w *warm) take(id domain.StreamID) (snap *projections.Snapshot, shared bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	shared = w.shared.Contains(id)
	r, ok := w.streams.Peek(id)
	if !ok {
		return nil, shared
	}
	w.streams.Remove(id)
	return r.snap, shared
}

// beaten says that another node wrote to the stream first.
func (w *warm) beaten(id domain.StreamID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.shared.Add(id, struct{}{})
}

// alone says that nobody else has written to the stream since it was left.
func (w *warm) alone(id domain.StreamID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.shared.Remove(id)
}

// put remembers a stream.
func (w *warm) put(snap *projections.Snapshot) {
	weight := snap.Weight()
	if weight > warmest {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.streams.Remove(snap.Stream)
	w.bytes += weight
	w.streams.Add(snap.Stream, remembered{snap, weight})
	for w.bytes > warmBytes {
		w.streams.RemoveOldest()
	}
}
