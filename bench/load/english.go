package load

import (
	_ "embed"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
)

// words are common in these pages, the most common first.
//
//go:embed words.txt
var words string

// NewEnglish makes text that is like English to whoever compresses it: common words
// are common, as they are by Zipf's law, in sentences. The same bytes in each run.
func NewEnglish(size int) []byte {
	const perSentence = 14
	known := strings.Fields(words)
	sums := make([]float64, len(known))
	for i, sum := 0, 0.0; i < len(known); i++ {
		sum += 1 / math.Pow(float64(i+2), 0.9)
		sums[i] = sum
	}
	random := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // keeps no secret
	out := make([]byte, 0, size+16)
	for begins := true; len(out) < size; {
		at, _ := slices.BinarySearch(sums, random.Float64()*sums[len(sums)-1])
		word := known[at]
		if begins {
			word = strings.ToUpper(word[:1]) + word[1:]
		}
		out = append(out, word...)
		if begins = random.IntN(perSentence) == 0; begins {
			out = append(out, '.')
		}
		out = append(out, ' ')
	}
	return out[:size]
}
