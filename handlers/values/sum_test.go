package values_test

import (
	"crypto/sha256"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/duolog/duolog/handlers/values"
)

// TestSumsOfWhatGrows: whatever a value goes on from, its own sum is its own and another's
// is not.
func TestSumsOfWhatGrows(t *testing.T) {
	body := slices.Repeat([]byte("an item, "), 4000)
	rapid.Check(t, func(t *rapid.T) {
		var before values.Known
		for range 4 {
			raw := slices.Concat(rapid.SliceOfN(rapid.Byte(), 0, 5).Draw(t, "head"), body[:rapid.IntRange(0, len(body)).Draw(t, "size")], rapid.SliceOfN(rapid.Byte(), 0, 3).Draw(t, "end"))
			if rapid.IntRange(0, 3).Draw(t, "edit") == 0 && len(raw) > 0 {
				raw[rapid.IntRange(0, len(raw)-1).Draw(t, "at")] ^= 1
			}
			from := rapid.IntRange(0, min(5, len(raw))).Draw(t, "from")
			sum := values.Sum{From: from, SHA256: sha256.Sum256(slices.Concat(raw[from:], raw[:from]))}
			k := values.Known{Raw: raw}
			if from < max(1, len(raw)) && !sum.IsOf(&k, before) {
				t.Fatalf("%d bytes from %d are not themselves", len(raw), from)
			}
			other := sum
			other.SHA256[7] ^= 1
			if other.IsOf(&values.Known{Raw: raw}, before) {
				t.Fatal("another sum is theirs")
			}
			before = k
		}
	})
}
