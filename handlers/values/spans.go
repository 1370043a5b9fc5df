package values

import (
	"bytes"
	"slices"
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
	// wholesKept is how many values of one part are compared with, the last ones that
	// stand there whole: one for each channel.
	wholesKept = 8
)

// whole is a value that stands in the tail in one piece.
type whole struct {
	at  int
	raw []byte
}

// AddShared is AddParts for a reader that takes spans. Parts that values have in common
// are found where they are the same memory.
func (t *Tail) AddShared(typ string, parts [][]byte) []byte {
	switch {
	case sizeOf(parts) < valueLeast:
		return t.AddParts(typ, parts)
	case len(parts) == 1:
		return named(typ, t.like(parts[0]))
	}
	return named(typ, t.again(parts))
}

// again are the spans of parts, of which those that are there are not put there again.
func (t *Tail) again(parts [][]byte) (spans []span) {
	for len(parts) > 0 {
		s, n := t.run(parts)
		if s.size < spanLeast {
			n = max(n, 1)
			s = t.add(parts[:n])
		}
		if last := len(spans) - 1; last >= 0 && spans[last].at+spans[last].size == s.at {
			spans[last].size += s.size
		} else {
			spans = append(spans, s)
		}
		parts = parts[n:]
	}
	return spans
}

// run is where the first parts stand one after another, and how many they are.
func (t *Tail) run(parts [][]byte) (s span, n int) {
	number, there := t.known[&parts[0][0]]
	if !there {
		return s, 0
	}
	for s.at = t.begin[number]; n < len(parts) && number+n < len(t.parts) && samePart(parts[n], t.parts[number+n]); n++ {
		s.size += len(parts[n])
	}
	return s, n
}

func samePart(a, b []byte) bool { return len(a) == len(b) && len(a) > 0 && &a[0] == &b[0] }

// add puts parts into the tail, to be found again.
func (t *Tail) add(parts [][]byte) span {
	if t.known == nil {
		t.known = map[*byte]int{}
	}
	for i, part := range parts {
		if _, there := t.known[&part[0]]; !there {
			t.known[&part[0]] = len(t.parts) + i
		}
	}
	return span{t.append(parts), sizeOf(parts)}
}

// like are the spans of a value that is one part: of one that is much like it, and of
// what it has beside.
func (t *Tail) like(raw []byte) []span {
	for _, w := range slices.Backward(t.wholes) {
		if runs := common(w.raw, raw); shares(runs, raw) {
			return t.between(raw, w, runs)
		}
	}
	t.wholes = append(t.wholes, whole{t.size, raw})
	if len(t.wholes) > wholesKept {
		t.wholes = t.wholes[1:]
	}
	return []span{{t.append([][]byte{raw}), len(raw)}}
}

// shares says whether at least half of raw is in runs.
func shares(runs []span, raw []byte) bool {
	sum := 0
	for _, r := range runs {
		sum += r.size
	}
	return 2*sum >= len(raw)
}

// between puts what is not in runs into the tail, and gives the spans of all of raw.
func (t *Tail) between(raw []byte, w whole, runs []span) (spans []span) {
	own := func(from, to int) {
		if from < to {
			spans = append(spans, span{t.append([][]byte{raw[from:to]}), to - from})
		}
	}
	at := 0
	for _, r := range runs {
		own(at, r.at)
		spans = append(spans, span{w.at + r.at, r.size})
		at = r.at + r.size
	}
	own(at, len(raw))
	return spans
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
