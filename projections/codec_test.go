package projections_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"

	"github.com/duolog/duolog/projections"
)

func newCodec(tb testing.TB) *projections.Codec {
	tb.Helper()
	c, err := projections.NewCodec()
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func TestCommitsComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	c := newCodec(t)
	dictionary, err := os.ReadFile("commits2.dict")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.IntRange(0, len(dictionary)-1).Draw(t, "from")
		like := dictionary[from:min(len(dictionary), from+rapid.IntRange(0, 12<<10).Draw(t, "like"))]
		b := append(bytes.Clone(like), rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "other")...)
		got, err := c.UnpackCommit(c.PackCommit(b))
		if err != nil || !bytes.Equal(got, b) {
			t.Fatalf("%d bytes came back as %d: %v", len(b), len(got), err)
		}
	})
}

// TestCommitsOfZstdAreRead: databases hold rows that were written before there
// was a dictionary.
func TestCommitsOfZstdAreRead(t *testing.T) {
	t.Parallel()
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Repeat("a commit ", 50)
	got, err := newCodec(t).UnpackCommit(enc.EncodeAll([]byte(want), nil))
	if err != nil || string(got) != want {
		t.Errorf("%q, %v", got, err)
	}
	for _, broken := range [][]byte{nil, {2}, {2, 0xff, 0xff}, {3}, {3, 0xff, 0xff}, {0x28}} {
		if _, err := newCodec(t).UnpackCommit(broken); err == nil {
			t.Errorf("%x was read", broken)
		}
	}
}

// TestTheDictionariesStay: rows in databases stand on their bytes.
func TestTheDictionariesStay(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"commits.dict":  "c76895c472fbde95bdfa325c82fa86c2444d50ac44766a10f4909e8cd04c54b3",
		"commits2.dict": "0d2d78de204d6e9858b50c79d14a6c178a97581e5c919fa277468008aee76b99",
		"blobs.dict":    "c14266d343fcc88be3e461b995c574e7b3af52e1a53a162cc3b7febd4b3cbd36",
	} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != want {
			t.Errorf("%s has the hash %x, want %s: put a new dictionary beside it", name, sum, want)
		}
	}
}

// TestCommitsOverTheFirstDictionaryAreRead: databases hold rows that were written
// before there was a second.
func TestCommitsOverTheFirstDictionaryAreRead(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("commits.dict")
	if err != nil {
		t.Fatal(err)
	}
	want := b[:1000]
	out := make([]byte, s2.MaxEncodedLen(len(want)))
	packed := append([]byte{2}, s2.MakeDict(b, nil).Encode(out, want)...)
	if got, err := newCodec(t).UnpackCommit(packed); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
}
