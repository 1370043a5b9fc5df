package value

import "encoding/binary"

// msgpackHeader is how many bytes at the start of raw say that a list follows
// and how long it is; 0 where none does.
func msgpackHeader(raw []byte) int {
	if len(raw) == 0 {
		return 0
	}
	n := 0
	switch c := raw[0]; {
	case c>>4 == 0x9:
		n = 1
	case c == 0xdc:
		n = 3
	case c == 0xdd:
		n = 5
	}
	if n > len(raw) {
		return 0
	}
	return n
}

// msgpackEnds calls end with each offset where an item of the list in raw ends,
// and stops at the first that is not whole.
func msgpackEnds(raw []byte, end func(at int)) {
	at := msgpackHeader(raw)
	if at == 0 {
		return
	}
	_, items, _ := msgpackToken(raw)
	for ; items > 0; items-- {
		for open := int64(1); open > 0; open-- {
			size, inside, ok := msgpackToken(raw[at:])
			if !ok {
				return
			}
			at += int(size)
			open += inside
		}
		end(at)
	}
}

// msgpackToken reads one token: how many bytes it takes, payload included, and
// how many objects follow inside it.
func msgpackToken(raw []byte) (size, inside int64, ok bool) {
	if len(raw) == 0 {
		return 0, 0, false
	}
	c := raw[0]
	switch {
	case c < 0x80 || c >= 0xe0: // small integers
		return 1, 0, true
	case c < 0x90: // a small map
		return 1, 2 * int64(c&0x0f), true
	case c < 0xa0: // a small list
		return 1, int64(c & 0x0f), true
	case c < 0xc0: // a short string
		size = 1 + int64(c&0x1f)
		return size, 0, size <= int64(len(raw))
	}
	// From 0xc0 to 0xdf: how long the length is, what it counts besides, and
	// what is fixed.
	const (
		lengths = "\x00\x00\x00\x00\x01\x02\x04\x01\x02\x04\x00\x00\x00\x00\x00\x00" +
			"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x02\x04\x02\x04\x02\x04"
		fixed = "\x00\x00\x00\x00\x00\x00\x00\x01\x01\x01\x04\x08\x01\x02\x04\x08" +
			"\x01\x02\x04\x08\x02\x03\x05\x09\x11\x00\x00\x00\x00\x00\x00\x00"
	)
	width := int(lengths[c-0xc0])
	if len(raw) < 1+width {
		return 0, 0, false
	}
	var wide [8]byte
	copy(wide[8-width:], raw[1:1+width])
	count := int64(binary.BigEndian.Uint64(wide[:])) //nolint:gosec // at most 32 bits
	size = 1 + int64(width) + int64(fixed[c-0xc0])
	switch {
	case c >= 0xde:
		return size, 2 * count, true
	case c >= 0xdc:
		return size, count, true
	}
	size += count
	return size, 0, size <= int64(len(raw))
}
