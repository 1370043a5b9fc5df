package history

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/google/uuid"
)

// part is what is checked by itself.
type part struct {
	workflow uuid.UUID
	place    string
}

// Linearizable checks the operations of each workflow by itself and says how
// many were checked. One workflow may take so long: if that does not do, that
// is a violation too, because nothing was proved.
func Linearizable(ops []Operation, most time.Duration) (checked int, found []Violation) {
	parts := map[part][]Operation{}
	for _, o := range ops {
		if o.Outcome == Unknown && (o.Kind.Reads() || o.Repeat) {
			continue // it says nothing
		}
		p := part{o.Workflow, o.Place}
		parts[p] = append(parts[p], o)
		checked++
	}
	var mu sync.Mutex
	var group sync.WaitGroup
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for p, history := range parts {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			if v := linearizable(p, history, most); v != nil {
				mu.Lock()
				defer mu.Unlock()
				found = append(found, *v)
			}
		})
	}
	group.Wait()
	return checked, found
}

func linearizable(p part, ops []Operation, most time.Duration) *Violation {
	id, m := p.workflow, model(p.place)
	in := make([]porcupine.Operation, len(ops))
	for i, o := range ops {
		in[i].ClientId, in[i].Output = i, o
		in[i].Call, in[i].Return = o.interval()
	}
	switch porcupine.CheckOperationsTimeout(m, in, most) {
	case porcupine.Ok:
		return nil
	case porcupine.Unknown:
		return &Violation{"linearizable", fmt.Sprintf("workflow %s: not decided within %s: %d operations", id, most, len(ops))}
	case porcupine.Illegal:
	}
	_, info := porcupine.CheckOperationsVerbose(m, in, most)
	return &Violation{"linearizable", fmt.Sprintf("workflow %s: no order of its %d operations explains the answers:%s", id, len(ops), around(ops, info))}
}

// around shows the operations about the first one that the longest order found
// does not reach.
func around(ops []Operation, info porcupine.LinearizationInfo) string {
	longest := map[int]bool{}
	for _, partition := range info.PartialLinearizations() {
		for _, order := range partition {
			if len(order) > len(longest) {
				longest = map[int]bool{}
				for _, i := range order {
					longest[i] = true
				}
			}
		}
	}
	order := make([]int, len(ops))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return int(ops[a].Answered - ops[b].Answered) })
	at := slices.IndexFunc(order, func(i int) bool { return !longest[i] })
	var b strings.Builder
	for n := max(0, at-12); n < min(len(order), at+4); n++ {
		mark := "  "
		if n == at {
			mark = "> "
		}
		b.WriteString("\n    " + mark + ops[order[n]].String())
	}
	return b.String()
}
