package value

import (
	"bytes"
	"math"
)

// jsonEnds calls end with each offset where something ends that may be cut off: an
// item of a list at the top, a member of an object at the top, an item of a list that
// is such a member. Of items it says where they begin, too; a member begins where what
// is before it ends. Space before a comma or bracket belongs to what follows. It reads
// each byte once, keeps no stack and trusts nothing: on input that is not JSON the
// offsets are still increasing and inside it.
func jsonEnds(raw []byte, end func(from, at int)) {
	var (
		depth  int
		object bool     // the value at the top is an object
		list   bool     // inside a list that is a member of it
		from   = notYet // where the item begins that is being read
		last   int      // the end of what is not space
		closed int      // the end of the last such list: its bracket starts a piece
	)
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c == ' ' || c == '\t' || c == '\n' || c == '\r' {
			continue
		}
		if from == notYet && c != ',' && (depth == 1 && !object || depth == 2 && list) {
			from = i
		}
		switch c {
		case '"':
			i = stringEnd(raw, i) - 1
		case '[', '{':
			object = object || depth == 0 && c == '{'
			list = list || depth == 1 && object && c == '['
			depth++
		case ',', ']', '}':
			if (depth == 1 || depth == 2 && list) && last != closed {
				end(min(from, last), last)
				from = notYet
			}
			if c == ',' {
				break
			}
			if depth == 2 && list {
				list, closed = false, i+1
			}
			depth--
		}
		if depth <= 0 {
			return
		}
		last = i + 1
	}
}

// notYet is behind every offset.
const notYet = math.MaxInt

// stringEnd is the offset after the string that opens at i, or the end of raw.
func stringEnd(raw []byte, i int) int {
	for from := i + 1; ; {
		n := bytes.IndexByte(raw[from:], '"')
		if n < 0 {
			return len(raw)
		}
		if backslashes(raw[from:from+n])%2 == 0 {
			return from + n + 1
		}
		from += n + 1
	}
}

// backslashes is how many of them b ends with.
func backslashes(b []byte) int {
	return len(b) - len(bytes.TrimRight(b, `\`))
}

// valueEnd is the offset after the JSON value that begins at i, or i where none
// does.
func valueEnd(raw []byte, i int) int {
	depth := 0
	for j := i; j < len(raw); j++ {
		switch raw[j] {
		case '"':
			j = stringEnd(raw, j) - 1
			if depth == 0 {
				return j + 1
			}
		case '[', '{':
			depth++
		case ']', '}':
			if depth == 0 {
				return j
			}
			if depth--; depth == 0 {
				return j + 1
			}
		case ',', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return j
			}
		}
	}
	return len(raw)
}

func skipSpace(raw []byte, i int) int {
	for i < len(raw) && (raw[i] == ' ' || raw[i] == '\t' || raw[i] == '\n' || raw[i] == '\r') {
		i++
	}
	return i
}
