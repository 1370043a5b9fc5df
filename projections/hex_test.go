package projections_test

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestHexComesBackAsItWas: whatever text, with hashes and UUIDs whole, broken and side
// by side, and what is no text.
func TestHexComesBackAsItWas(t *testing.T) {
	t.Parallel()
	c := newCodec(t)
	pieces := []string{
		`"`, `/`, `\"`, `,`, "0198a3f0-7c1e-7b55-9d2f-3e0c5a1b2c3d", "0198A3F0-7c1e-7b55-9d2f-3e0c5a1b2c3d",
		"0198a3f0-7c1e-7b55-9d2f", strings.Repeat("0f", 32), strings.Repeat("0f", 31), strings.Repeat("a", 90), "ü", "\xfe", "\xff",
	}
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(strings.Join(rapid.SliceOf(rapid.SampledFrom(pieces)).Draw(t, "text"), ""))
		got, err := c.UnpackCommit(c.PackCommit(text))
		if err != nil || !bytes.Equal(got, text) {
			t.Fatalf("%q came back as %q: %v", text, got, err)
		}
	})
}

// TestHexIsHalved: ten hashes that no dictionary knows take about as much as their bytes.
func TestHexIsHalved(t *testing.T) {
	t.Parallel()
	random := rapid.StringMatching(`([0-9a-f]{64}/){10}`).Example(1)
	if n := len(newCodec(t).PackCommit([]byte("/" + random))); n > 10*33+40 {
		t.Errorf("%d bytes for 10 hashes", n)
	}
}
