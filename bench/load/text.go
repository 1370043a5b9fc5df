package load

import "math/rand/v2"

// Texts is where new bytes are cut from. They do not compress further than their
// alphabet, and a cut is hardly seen again.
type Texts []byte

// NewTexts makes the same bytes in each run.
func NewTexts() Texts { return NewRandom(1 << 20) }

// NewRandom makes so many bytes of random text.
func NewRandom(size int) []byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // keeps no secret
	out := make([]byte, size)
	for i := range out {
		out[i] = alphabet[random.IntN(len(alphabet))]
	}
	return out
}

// Cut is n new bytes. They must not be changed.
func (t Texts) Cut(n int) []byte {
	at := rand.IntN(len(t) - n) //nolint:gosec // keeps no secret
	return t[at : at+n]
}
