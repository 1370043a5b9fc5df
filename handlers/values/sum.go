package values

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"

	"github.com/duolog/duolog/handlers/document"
)

// Sum says what the bytes of a value are.
type Sum struct {
	// From is where hashing begins: what is in front of it comes last. A list whose count
	// stands in front of its items is hashed from these on, so that it need not be hashed
	// anew when it grows.
	From   int
	SHA256 [sha256.Size]byte
}

// SumOf is the sum of bytes from their beginning.
func SumOf(raw []byte) Sum { return Sum{SHA256: sha256.Sum256(raw)} }

// maxFrom bounds where hashing may begin: counts are short.
const maxFrom = 16

// sumIn reads a sum: in lower-case hexadecimal, and where it begins.
func sumIn(f *document.Fields) (s Sum) {
	const name = "sha256"
	text := f.Text(name)
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(s.SHA256) {
		f.Refuse(name, name+" must be 64 hexadecimal digits", "send the SHA-256 of the bytes", err)
		return s
	}
	s.SHA256 = [sha256.Size]byte(raw)
	if s.From = f.Integer("from", 0); s.From > maxFrom {
		f.Refuse("from", fmt.Sprintf("from is over %d", maxFrom), "hash the bytes from their beginning, or from the first item on", nil)
	}
	return s
}

// goesOn is the size from which a hash is kept to go on from.
const goesOn = 16 << 10

// IsOf says whether it is the sum of a value. Where the value begins, from From on, as one
// before it all but ended, it is hashed where it is new.
func (s Sum) IsOf(k *Known, before Known) bool {
	end := len(k.Raw) - 1
	if s.From > end {
		return s.From == 0 && s == SumOf(k.Raw)
	}
	if len(k.Raw) < goesOn && s.From == 0 {
		return s == SumOf(k.Raw)
	}
	h, at := before.goOn(k.Raw[s.From:end])
	_, _ = h.Write(k.Raw[s.From+at : end]) // a hash takes all
	k.from, k.hashed = s.From, h
	whole, err := h.Clone()
	if err != nil {
		return false
	}
	_, _ = whole.Write(k.Raw[end:])
	_, _ = whole.Write(k.Raw[:s.From])
	return bytes.Equal(whole.Sum(nil), s.SHA256[:])
}

// goOn is a hash of what k was hashed of that b begins with, and how much that is.
func (k Known) goOn(b []byte) (hash.Cloner, int) {
	if k.hashed != nil {
		if done := k.Raw[k.from : len(k.Raw)-1]; bytes.HasPrefix(b, done) {
			if h, err := k.hashed.Clone(); err == nil {
				return h, len(done)
			}
		}
	}
	return sha256.New().(hash.Cloner), 0
}
