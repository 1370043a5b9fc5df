package projections

import (
	"bytes"
	"encoding/hex"
	"slices"
)

// Half of what a commit says is hexadecimal: hashes, addresses, ids. S2 knows no
// alphabet and keeps such text as long as it is, so it gets the bytes that it stands
// for. These bytes lead them; no text has them, in UTF-8.
const (
	leadsHash = 0xff
	leadsUUID = 0xfe

	hashText, hashBytes = 64, 32
	uuidText, uuidBytes = 36, 16
)

// foldHex replaces hashes and UUIDs in lower case that follow a quote or a slash. It
// is false for what is no UTF-8 and could not be told from that.
func foldHex(b []byte) (out []byte, ok bool) {
	if bytes.IndexByte(b, leadsHash) >= 0 || bytes.IndexByte(b, leadsUUID) >= 0 {
		return nil, false
	}
	out = make([]byte, 0, len(b))
	for len(b) > 0 {
		c := b[0]
		out, b = append(out, c), b[1:]
		if c != '"' && c != '/' {
			continue
		}
		if n := len(out); isUUID(b) {
			out = append(slices.Grow(out, 1+uuidBytes), leadsUUID)[:n+1+uuidBytes]
			putUUID(out[n+1:], b)
			b = b[uuidText:]
		} else if isHex(b, hashText) {
			out = append(slices.Grow(out, 1+hashBytes), leadsHash)[:n+1+hashBytes]
			_, _ = hex.Decode(out[n+1:], b[:hashText])
			b = b[hashText:]
		}
	}
	return out, true
}

// unfoldHex is what foldHex was given. What it cannot have made stays as it is.
func unfoldHex(b []byte) []byte {
	out := make([]byte, 0, 2*len(b))
	for len(b) > 0 {
		switch {
		case b[0] == leadsHash && len(b) > hashBytes:
			out, b = hex.AppendEncode(out, b[1:1+hashBytes]), b[1+hashBytes:]
		case b[0] == leadsUUID && len(b) > uuidBytes:
			out, b = appendUUID(out, b[1:1+uuidBytes]), b[1+uuidBytes:]
		default:
			out, b = append(out, b[0]), b[1:]
		}
	}
	return out
}

// uuidParts are where the groups of a UUID stand in its bytes.
func uuidParts() [5][2]int { return [5][2]int{{0, 4}, {4, 6}, {6, 8}, {8, 10}, {10, 16}} }

func putUUID(to, text []byte) {
	for _, p := range uuidParts() {
		n := 2 * (p[1] - p[0])
		_, _ = hex.Decode(to[p[0]:p[1]], text[:n])
		text = text[min(n+1, len(text)):]
	}
}

func appendUUID(b, id []byte) []byte {
	for i, p := range uuidParts() {
		if i > 0 {
			b = append(b, '-')
		}
		b = hex.AppendEncode(b, id[p[0]:p[1]])
	}
	return b
}

func isUUID(b []byte) bool {
	if len(b) < uuidText || b[8] != '-' || b[13] != '-' || b[18] != '-' || b[23] != '-' {
		return false
	}
	return isHex(b, 8) && isHex(b[9:], 4) && isHex(b[14:], 4) && isHex(b[19:], 4) && isHex(b[24:], 12)
}

func isHex(b []byte, n int) bool {
	if len(b) < n {
		return false
	}
	for _, c := range b[:n] {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
