package values

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/duolog/duolog/domain"
)

// The states of a list that grows begin alike, behind a count that differs. A reader
// that asks for it gets what a value has in common with an earlier one of the document
// as a span of that one, and may decode it once:
//
//	{"type":"msgpack","spans":[[4096,3],[3,1200]]}
const (
	// spanLeast is how long a run of bytes must be to be worth a span, and valueLeast
	// how long a value that is looked at.
	spanLeast  = 512
	valueLeast = 4 << 10
	// apartMost is how many bytes may differ before two values are taken for apart.
	apartMost = 64
	// wholesKept is how many values are compared with, the last ones that stand there
	// whole: one for each channel.
	wholesKept = 8
)

// whole is a value that stands in the tail in one piece.
type whole struct {
	at  int
	raw []byte
}

// AddShared is Add for a reader that takes spans.
func (t *Tail) AddShared(typ string, raw []byte) []byte {
	if len(raw) < valueLeast || t.same[&raw[0]].size == len(raw) {
		return t.Add(typ, raw)
	}
	for _, w := range slices.Backward(t.wholes) {
		if runs := common(w.raw, raw); shares(runs, raw) {
			return t.spans(typ, raw, w, runs)
		}
	}
	t.wholes = append(t.wholes, whole{t.size, raw})
	if len(t.wholes) > wholesKept {
		t.wholes = t.wholes[1:]
	}
	return t.Add(typ, raw)
}

// shares says whether at least half of raw is in runs.
func shares(runs []span, raw []byte) bool {
	sum := 0
	for _, r := range runs {
		sum += r.size
	}
	return 2*sum >= len(raw)
}

// spans puts what is not in runs into the tail, and gives the JSON that names all of
// raw.
func (t *Tail) spans(typ string, raw []byte, w whole, runs []span) []byte {
	var parts []span
	own := func(from, to int) {
		if from < to {
			parts = append(parts, span{t.append(raw[from:to]), to - from})
		}
	}
	at := 0
	for _, r := range runs {
		own(at, r.at)
		parts = append(parts, span{w.at + r.at, r.size})
		at = r.at + r.size
	}
	own(at, len(raw))
	b := domain.AppendText(append(make([]byte, 0, 128), `{"type":`...), typ)
	for i, p := range parts {
		lead := `,[`
		if i == 0 {
			lead = `,"spans":[[`
		}
		b = strconv.AppendInt(append(b, lead...), int64(p.at), 10)
		b = append(strconv.AppendInt(append(b, ','), int64(p.size), 10), ']')
	}
	return append(b, "]}"...)
}

// common are the runs of bytes that a and b have at the same offsets, until they are
// too much apart.
func common(a, b []byte) (runs []span) {
	for at, apart := 0, 0; at < min(len(a), len(b)) && apart <= apartMost; {
		n := commonPrefix(a[at:], b[at:])
		if n < spanLeast {
			at, apart = at+1, apart+1
			continue
		}
		runs = append(runs, span{at, n})
		at, apart = at+n, 0
	}
	return runs
}

// commonPrefix is how many bytes a and b begin with that are the same.
func commonPrefix(a, b []byte) int {
	const block = 4 << 10
	n, most := 0, min(len(a), len(b))
	for n+block <= most && bytes.Equal(a[n:n+block], b[n:n+block]) {
		n += block
	}
	for n < most && a[n] == b[n] {
		n++
	}
	return n
}
