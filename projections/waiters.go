package projections

import "container/heap"

// waiter waits for an offset to be visible.
type waiter struct {
	offset int64
	done   chan struct{}
	// index is its place in the heap, -1 when it is in none.
	index int
}

// waiters are those of one partition, as a heap: the lowest offset first.
type waiters struct{ list waiterHeap }

func (w *waiters) add(x *waiter) { heap.Push(&w.list, x) }

func (w *waiters) remove(x *waiter) {
	if x.index >= 0 {
		heap.Remove(&w.list, x.index)
	}
}

// wake wakes everybody below next.
func (w *waiters) wake(next int64) {
	for len(w.list) > 0 && w.list[0].offset < next {
		close(heap.Pop(&w.list).(*waiter).done) //nolint:forcetypeassert // the heap holds nothing else
	}
}

type waiterHeap []*waiter

func (h waiterHeap) Len() int           { return len(h) }
func (h waiterHeap) Less(i, j int) bool { return h[i].offset < h[j].offset }
func (h waiterHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push is for package heap.
func (h *waiterHeap) Push(x any) {
	w := x.(*waiter) //nolint:forcetypeassert // waiters.add pushes nothing else
	w.index = len(*h)
	*h = append(*h, w)
}

// Pop is for package heap.
func (h *waiterHeap) Pop() any {
	last := len(*h) - 1
	w := (*h)[last]
	(*h)[last], *h = nil, (*h)[:last]
	w.index = -1
	return w
}
