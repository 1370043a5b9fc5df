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
	size  int
	at    map[[sha256.Size]byte]int
	same  map[*byte]span
	// wholes are what AddShared compares with.
	wholes []whole
}

// span is where bytes are in the tail.
type span struct{ at, size int }

// Add puts the bytes of a value into the tail, once however often they come, and
// gives the JSON that names them. They must stay as they are until the document is
// written.
func (t *Tail) Add(typ string, raw []byte) []byte {
	at := t.place(raw)
	b := domain.AppendText(append(make([]byte, 0, 64), `{"type":`...), typ)
	b = strconv.AppendInt(append(b, `,"at":`...), int64(at), 10)
	b = strconv.AppendInt(append(b, `,"size":`...), int64(len(raw)), 10)
	return append(b, '}')
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

func (t *Tail) place(raw []byte) int {
	if len(raw) < shared {
		return t.append(raw)
	}
	if there := t.same[&raw[0]]; there.size == len(raw) {
		return there.at
	}
	var sum [sha256.Size]byte
	if len(raw) <= hashed {
		sum = sha256.Sum256(raw)
		if at, ok := t.at[sum]; ok {
			return at
		}
	}
	at := t.append(raw)
	if t.at == nil {
		t.at, t.same = map[[sha256.Size]byte]int{}, map[*byte]span{}
	}
	if len(raw) <= hashed {
		t.at[sum] = at
	} else {
		t.same[&raw[0]] = span{at, len(raw)}
	}
	return at
}

func (t *Tail) append(raw []byte) int {
	at := t.size
	t.parts, t.size = append(t.parts, raw), at+len(raw)
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
