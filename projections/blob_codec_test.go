package projections

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestBlobsComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	c, err := NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.IntRange(0, len(dictionaryBlobs)-1).Draw(t, "from")
		like := dictionaryBlobs[from:min(len(dictionaryBlobs), from+rapid.IntRange(0, 12<<10).Draw(t, "like"))]
		b := append(bytes.Clone(like), rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "other")...)
		codec, data := c.packBlob(b)
		got, err := c.UnpackBlob(codec, data)
		if err != nil || !bytes.Equal(got, b) || len(data) > len(b) {
			t.Fatalf("%d bytes became %d by codec %d and came back as %d: %v", len(b), len(data), codec, len(got), err)
		}
	})
}

// TestBlobsOfBefore: databases hold rows that were written before there was a
// dictionary, and larger ones are written so still.
func TestBlobsOfBefore(t *testing.T) {
	t.Parallel()
	c, err := NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Repeat("a message that says the same again ", 400)
	got, err := c.UnpackBlob(codecZstd, c.enc.EncodeAll([]byte(want), nil))
	if err != nil || string(got) != want {
		t.Errorf("%.40q, %v", got, err)
	}
	if codec, _ := c.packBlob([]byte(want)); codec != codecZstd {
		t.Errorf("%d bytes are packed by codec %d", len(want), codec)
	}
}

// TestMessagesArePackedOverTheDictionary: of a short one hardly more than its text is
// left.
func TestMessagesArePackedOverTheDictionary(t *testing.T) {
	t.Parallel()
	c, err := NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	message := []byte(`{"lc":1,"type":"constructor","id":["langchain_core","messages","AIMessage"],"kwargs":{"content":"I read the file, and the function returns an error when the connection is closed.",` +
		`"id":"7c9e6679-7425-40de-944b-e07fc1f90ae7","tool_calls":[],"invalid_tool_calls":[],"additional_kwargs":{},"response_metadata":{}}}`)
	codec, data := c.packBlob(message)
	alone := c.enc.EncodeAll(message, nil)
	if codec != codecDict || len(data)*2 > len(alone) {
		t.Errorf("codec %d: %d bytes, %d without the dictionary", codec, len(data), len(alone))
	}
}
