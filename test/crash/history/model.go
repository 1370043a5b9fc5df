package history

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"
)

// state is one workflow as clients see it. It is never changed: each step makes
// a new one.
type state struct {
	// status is empty for a workflow that does not exist.
	status string
	// cells are checkpoints and writes, ordered by checkpoint and place.
	cells []cell
}

// cell is a checkpoint (task is empty) or a write of one.
type cell struct {
	ts, task string
	idx      int
	data     string
}

func place(a, b cell) int {
	return cmp.Or(strings.Compare(a.ts, b.ts), strings.Compare(a.task, b.task), cmp.Compare(a.idx, b.idx))
}

func (s state) with(c cell) state {
	i, there := slices.BinarySearchFunc(s.cells, c, place)
	cells := make([]cell, 0, len(s.cells)+1)
	cells = append(append(cells, s.cells[:i]...), c)
	if there {
		i++
	}
	return state{s.status, append(cells, s.cells[i:]...)}
}

func (s state) has(c cell) bool {
	_, there := slices.BinarySearchFunc(s.cells, c, place)
	return there
}

// show is what a list of the newest checkpoints shows: writes whose checkpoint
// is not there yet are not shown.
func (s state) show(limit int, only string) string {
	var b strings.Builder
	shown := 0
	for i := len(s.cells) - 1; i >= 0 && shown < limit; {
		j := i
		for j > 0 && s.cells[j-1].ts == s.cells[i].ts {
			j--
		}
		if s.cells[j].task == "" && (only == "" || only == s.cells[j].ts) {
			b.WriteString(Shown(s.cells[j].ts, s.cells[j].data))
			for _, w := range s.cells[j+1 : i+1] {
				b.WriteString(ShownWrite(w.task, w.idx, w.data))
			}
			shown++
		}
		i = j - 1
	}
	return b.String()
}

// apart is what a place shows that is checked apart.
func (s state) apart() string {
	var b strings.Builder
	for _, w := range s.cells {
		b.WriteString(ShownWrite(w.task, w.idx, w.data))
	}
	return b.String()
}

// Shown is a checkpoint as reads show it; the writes of it follow in order of
// task and index.
func Shown(ts, data string) string { return "\n" + ts + "=" + data }

// ShownWrite is a write as reads show it.
func ShownWrite(task string, idx int, data string) string {
	return fmt.Sprintf(" %s/%d=%s", task, idx, data)
}

// transitions is where a status event leads, from which statuses.
var transitions = map[string]struct { //nolint:gochecknoglobals // a table
	from []string
	to   string
}{
	"start":  {[]string{"created"}, "running"},
	"pause":  {[]string{"running"}, "paused"},
	"resume": {[]string{"paused"}, "running"},
	"retry":  {[]string{"stopped", "failed"}, "running"},
	"stop":   {[]string{"created", "running", "paused"}, "stopped"},
}

// change is the state after a status event, and whether it is legal.
func (s state) change(event string) (state, bool) {
	t := transitions[event]
	switch {
	case s.status == "":
		return s, false
	case s.status == t.to:
		return s, true
	case slices.Contains(t.from, s.status):
		return state{t.to, s.cells}, true
	}
	return s, false
}

// step says whether the operation can have come to its outcome in this state,
// and what state it leaves.
func step(s state, o Operation) (bool, state) {
	switch o.Outcome {
	case Refused:
		return s.refuses(o), s
	case Done:
		return s.does(o)
	case Unknown, Accepted:
		if ok, next := s.does(o); ok && !o.Kind.Reads() {
			return true, next
		}
	}
	return true, s // it was refused, or it was a read that nobody heard of
}

// refuses says whether the operation is refused here, naming what it saw.
func (s state) refuses(o Operation) bool {
	if s.status == "" {
		return o.Kind != Create && o.Seen == ""
	}
	if o.Kind == Read {
		return o.Seen == "" && !s.has(cell{ts: o.TS})
	}
	_, legal := s.change(o.Event)
	return o.Kind == Change && !legal && o.Seen == s.status
}

// does says whether the operation succeeds here, and with which effect.
func (s state) does(o Operation) (bool, state) {
	if s.status == "" {
		return o.Kind == Create && !o.Repeat, state{status: "created"}
	}
	if o.Repeat {
		return true, s
	}
	switch o.Kind {
	case Create:
		return false, s // each is asked for once, but for repeats
	case Change:
		next, legal := s.change(o.Event)
		return legal, next
	case Save:
		return true, s.with(cell{ts: o.TS, data: o.Data})
	case Write:
		c := cell{o.TS, o.Task, o.Idx, o.Data}
		if o.Idx >= 0 && s.has(c) {
			return true, s // of regular writes the first one stays
		}
		return true, s.with(c)
	case Get:
		return o.Seen == s.status, s
	case List:
		return o.Seen == s.show(o.Limit, ""), s
	case Read:
		if o.Place != "" {
			return o.Seen == s.apart(), s
		}
		return s.has(cell{ts: o.TS}) && o.Seen == s.show(1, o.TS), s
	}
	return false, s
}

// model is the register machine of one workflow, or of one place of a workflow
// that is there.
func model(place string) porcupine.Model {
	seed, first := maphash.MakeSeed(), state{}
	if place != "" {
		first.status = "created"
	}
	return porcupine.Model{
		Init: func() any { return first },
		Step: func(s, _, out any) (bool, any) {
			ok, next := step(s.(state), out.(Operation)) //nolint:forcetypeassert // the model's own
			return ok, next
		},
		Equal: func(a, b any) bool {
			x, y := a.(state), b.(state) //nolint:forcetypeassert // the model's own
			return x.status == y.status && slices.Equal(x.cells, y.cells)
		},
		Hash: func(s any) uint64 {
			x := s.(state) //nolint:forcetypeassert // the model's own
			var h maphash.Hash
			h.SetSeed(seed)
			_, _ = h.WriteString(x.status)
			for _, c := range x.cells {
				_, _ = h.WriteString(c.data)
			}
			return h.Sum64()
		},
	}
}
