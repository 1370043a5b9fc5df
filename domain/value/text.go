package value

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// isText says that b comes back as it is from a JSON string, in Go and in
// Postgres, which takes no NUL.
func isText(b []byte) bool { return utf8.Valid(b) && bytes.IndexByte(b, 0) < 0 }

// appendString appends text as a JSON string in its one canonical spelling:
// what encoding/json makes of it inside an event, so that neither changes the
// other.
func appendString(b, text []byte) []byte {
	b = append(b, '"')
	for _, r := range string(text) {
		switch r {
		case '"', '\\':
			b = utf8.AppendRune(append(b, '\\'), r)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		case '<', '>', '&', '\u2028', '\u2029':
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			if r < ' ' {
				b = fmt.Appendf(b, `\u%04x`, r)
				break
			}
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
