package projections_test

import (
	"bytes"
	"testing"

	"github.com/duolog/duolog/internal/fuzztest"
	"github.com/duolog/duolog/projections"
)

// FuzzCodec: what is packed comes back, and any bytes are unpacked or refused,
// within what a decoder may take, however large they say they become.
func FuzzCodec(f *testing.F) {
	const zstd, most = 1, 64 << 20 // of the decoder
	codec, err := projections.NewCodec()
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(nil))
	f.Add([]byte(`{"v":1}`))
	f.Add(codec.PackCommit([]byte(`{"v":1,"stream":"acme/workflow/`)))
	f.Add(codec.PackCommit(bytes.Repeat([]byte("duolog"), 2000)))
	f.Add(codec.PackCommit(make([]byte, 4<<20)))
	f.Add([]byte("\x02\xff\xff\xff\xff\x0f\x00"))
	f.Add([]byte("\x28\xb5\x2f\xfd\xa0\xff\xff\xff\xff\x03\x00\x00"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		back, err := codec.UnpackCommit(codec.PackCommit(raw))
		if err != nil || !bytes.Equal(back, raw) {
			t.Fatalf("%d bytes come back as %d: %v", len(raw), len(back), err)
		}
		fuzztest.Bounded(t, 2*most/16, func() {
			if out, err := codec.UnpackCommit(raw); err == nil && len(out) > most {
				t.Errorf("a commit of %d bytes became %d", len(raw), len(out))
			}
			if out, err := codec.UnpackBlob(zstd, raw); err == nil && len(out) > most {
				t.Errorf("a blob of %d bytes became %d", len(raw), len(out))
			}
		})
	})
}
