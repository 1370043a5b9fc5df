package value

// The types whose structure decides where to cut. Bytes of every other type are
// one piece.
const (
	TypeJSON    = "json"
	TypeMsgpack = "msgpack"
)

const (
	// InlineLimit is how long a piece may be that stands in its entry, and how
	// long a tail may be. A reference would cost more.
	InlineLimit = 64
	// InlineValue is how long a value may be whose pieces all stand inline.
	InlineValue = 1 << 10
)

// Pieces are the bytes of a value, cut: Head, each of Body and Tail in order
// are exactly the input, and alias it. No piece in Body is empty.
type Pieces struct {
	// Head counts the items of a msgpack list: it changes when one is added.
	Head []byte
	Body [][]byte
	// Tail closes what is open after the last item: "]", "]}".
	Tail []byte
}

// Cut divides raw where items end: those of a JSON or msgpack list, the members
// of a JSON object, and the items of a list that is a member. Items share a
// piece as long as it stays inline; a longer one stands alone, without the comma or
// bracket in front of it, so that it is the same piece in every list, first or not;
// a piece that is too long is chunked. Input that is not what its type says is cut
// worse, never lost.
func Cut(typ string, raw []byte) Pieces { return cut(typ, raw, 0) }

// cut is Cut into about so many pieces.
func cut(typ string, raw []byte, about int) Pieces {
	c := cutter{raw: raw}
	if about > 0 {
		const more = 8
		c.out.Body = make([][]byte, 0, about+more)
	}
	switch typ {
	case TypeJSON:
		jsonEnds(raw, c.item)
	case TypeMsgpack:
		c.begin(msgpackHeader(raw))
		msgpackEnds(raw, c.end)
	}
	return c.finish()
}

// cutter gathers ends of items into pieces, the way words are wrapped into
// lines. What it decides at an end depends on the bytes before it alone: that
// keeps the pieces of a prefix when a list grows.
type cutter struct {
	raw []byte
	out Pieces
	// raw[from:to] holds whole items that no piece has yet.
	from, to int
}

// begin takes the first n bytes as the head.
func (c *cutter) begin(n int) {
	c.out.Head = some(c.raw[:n])
	c.from, c.to = n, n
}

// end says that an item ends before at.
func (c *cutter) end(at int) {
	if at-c.from > InlineLimit {
		c.flush()
	}
	c.to = at
}

// item says that an item of a JSON list ends before at and begins at from, or that
// something ends that belongs to what is in front of it, where from is at.
func (c *cutter) item(from, at int) {
	if at-from > InlineLimit {
		c.end(from)
		c.flush()
	}
	c.end(at)
}

func (c *cutter) flush() {
	c.out.Body = chunk(c.out.Body, c.raw[c.from:c.to])
	c.from = c.to
}

// finish takes what follows the last item as the tail, or as a piece where no
// tail can be that.
func (c *cutter) finish() Pieces {
	rest := c.raw[c.to:]
	if c.to > len(c.out.Head) && len(rest) <= InlineLimit && isText(rest) {
		c.flush()
		c.out.Tail = some(rest)
		return c.out
	}
	c.end(len(c.raw))
	c.flush()
	return c.out
}

// some is b, or nil where it is empty: equal values have equal fields.
func some[T any](b []T) []T {
	if len(b) == 0 {
		return nil
	}
	return b
}
