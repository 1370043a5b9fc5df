package values

import (
	"crypto/sha256"
	"slices"
	"strconv"

	"github.com/duolog/duolog/domain"
)

// ContentType is the media type of the encoding.
const ContentType = "application/vnd.duolog.values"

// Tail collects the bytes of the values of one document. The zero value is empty;
// it is for one goroutine.
type Tail struct {
	parts [][]byte
	// begin is where each part does.
	begin []int
	size  int
	at    map[[sha256.Size]byte]int
	same  map[*[]byte]int
	// known is the number of a part, and wholes are what else AddShared looks at.
	known  map[*byte]int
	wholes []whole
}

// span is where bytes are in the tail.
type span struct{ at, size int }

// Add puts the bytes of a value into the tail, once however often they come, and
// gives the JSON that names them. They must stay as they are until the document is
// written.
func (t *Tail) Add(typ string, raw []byte) []byte { return t.AddParts(typ, [][]byte{raw}) }

// AddParts is Add for bytes in parts.
func (t *Tail) AddParts(typ string, parts [][]byte) []byte {
	return named(typ, []span{t.place(parts)})
}

// named is the JSON for the bytes of spans.
func named(typ string, spans []span) []byte {
	b := domain.AppendText(append(make([]byte, 0, 64+16*len(spans)), `{"type":`...), typ)
	if len(spans) == 1 {
		b = strconv.AppendInt(append(b, `,"at":`...), int64(spans[0].at), 10)
		b = strconv.AppendInt(append(b, `,"size":`...), int64(spans[0].size), 10)
		return append(b, '}')
	}
	lead := `,"spans":[[`
	for _, s := range spans {
		b = strconv.AppendInt(append(b, lead...), int64(s.at), 10)
		b = append(strconv.AppendInt(append(b, ','), int64(s.size), 10), ']')
		lead = `,[`
	}
	return append(b, "]}"...)
}

// Len is how many bytes the tail has.
func (t *Tail) Len() int { return t.size }

// Bytes are looked for among those that are there from a size on: below, to store them
// again is less than to find them. Above another only the very same are found, not
// those that are equal: to hash them costs more than most of them save.
const (
	shared = 64
	hashed = 16 << 10
)

func (t *Tail) place(parts [][]byte) span {
	size := sizeOf(parts)
	switch {
	case size < shared:
		return span{t.append(parts), size}
	case size <= hashed:
		return span{once(&t.at, sumOfParts(parts), t, parts), size}
	}
	return span{once(&t.same, &parts[0], t, parts), size}
}

// once is where the bytes with a key are. They are appended where they are new.
func once[K comparable](places *map[K]int, key K, t *Tail, parts [][]byte) int {
	at, there := (*places)[key]
	if there {
		return at
	}
	if *places == nil {
		*places = map[K]int{}
	}
	at = t.append(parts)
	(*places)[key] = at
	return at
}

func sumOfParts(parts [][]byte) (sum [sha256.Size]byte) {
	h := sha256.New()
	for _, part := range parts {
		_, _ = h.Write(part) // a hash takes all
	}
	h.Sum(sum[:0])
	return sum
}

func sizeOf(parts [][]byte) int {
	n := 0
	for _, part := range parts {
		n += len(part)
	}
	return n
}

// append is where the parts begin.
func (t *Tail) append(parts [][]byte) int {
	at := t.size
	for _, part := range parts {
		t.parts, t.begin = append(t.parts, part), append(t.begin, t.size)
		t.size += len(part)
	}
	return at
}

// Document is the head, a JSON object, and the tail. A line's end in the head can
// only be space between its tokens, and becomes a blank in it.
func (t *Tail) Document(head []byte) []byte {
	return slices.Concat(t.Parts(head)...)
}

// Parts are the document in pieces, the head first: the bytes of values are those that
// were added, not copied.
func (t *Tail) Parts(head []byte) [][]byte {
	for i, c := range head {
		if c == '\n' {
			head[i] = ' '
		}
	}
	return append([][]byte{append(head, '\n')}, t.parts...)
}
