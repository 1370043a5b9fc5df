package load_test

import (
	"bytes"
	"compress/zlib"
	"testing"

	"github.com/duolog/duolog/bench/load"
)

// TestTextsCompressLikeTheirKind: random text to three quarters, English-like text as
// prose does, to between a half and a third.
func TestTextsCompressLikeTheirKind(t *testing.T) {
	t.Parallel()
	const size = 1 << 18
	for name, c := range map[string]struct {
		text        []byte
		least, most float64
	}{
		"random":  {load.NewRandom(size), 0.74, 0.78},
		"english": {load.NewEnglish(size), 0.33, 0.5},
	} {
		var packed bytes.Buffer
		w := zlib.NewWriter(&packed)
		_, _ = w.Write(c.text)
		_ = w.Close()
		if share := float64(packed.Len()) / size; len(c.text) != size || share < c.least || share > c.most {
			t.Errorf("%s: %d bytes compress to %.2f", name, len(c.text), share)
		}
	}
}
