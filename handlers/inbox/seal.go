package inbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
)

// HeaderSeal marks a command that a node of this deployment wrote: it says itself on
// whose behalf. Everybody else's carries a token instead.
const HeaderSeal = "seal"

// Seal tells the commands that nodes write from those of others.
type Seal struct{ key []byte }

// NewSeal makes a Seal of the secret that the nodes share.
func NewSeal(key []byte) Seal { return Seal{key} }

// Of is the seal of a record: of its key as well, so that what was written for one
// stream is not moved to another partition.
func (s Seal) Of(key string, value []byte) string {
	mac := hmac.New(sha256.New, s.key)
	sum := sha256.Sum256([]byte(key))
	mac.Write(sum[:])
	mac.Write(value)
	return hex.EncodeToString(mac.Sum(nil))
}

func (s Seal) holds(seal, key string, value []byte) bool {
	return hmac.Equal([]byte(seal), []byte(s.Of(key, value)))
}
