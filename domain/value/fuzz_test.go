package value_test

import (
	"encoding/json"
	"testing"

	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/internal/fuzztest"
)

// FuzzManifest: a manifest that is read is written the same way again, under the
// same id, and what it stands for is asked for within bounds, whatever the bytes
// that come.
func FuzzManifest(f *testing.F) {
	for _, raw := range [][]byte{list(150, 100, "[", "]"), []byte(`{"a":[1,2]}`), {}, {0, 1, 2}} {
		m, blobs := value.Build("json", raw)
		b, err := json.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, raw[:min(len(raw), 100)])
		for _, blob := range blobs[:min(len(blobs), 2)] {
			f.Add(b, blob.Bytes)
		}
	}
	f.Fuzz(func(t *testing.T, wire, blob []byte) {
		var m value.Manifest
		var err error
		fuzztest.Bounded(t, len(wire), func() { err = json.Unmarshal(wire, &m) })
		if err != nil {
			return
		}
		once, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		var again value.Manifest
		if err := json.Unmarshal(once, &again); err != nil || again.ID() != m.ID() {
			t.Errorf("%s is written as %s: %v", wire, once, err)
		}
		if again, err := value.ReadManifest(m.AppendPacked(nil), nil); err != nil || again.ID() != m.ID() {
			t.Errorf("%s is packed as %x: %v", wire, m.AppendPacked(nil), err)
		}
		fuzztest.Bounded(t, len(wire)+64*len(blob), func() {
			_, _ = value.Assemble(m, func(want []value.Address) (map[value.Address][]byte, error) {
				return map[value.Address][]byte{want[0]: blob}, nil
			})
		})
	})
}

// FuzzBuild: any bytes of any type come back as they were.
func FuzzBuild(f *testing.F) {
	f.Add("json", []byte(`{"messages":["a","b"]}`))
	f.Add("msgpack", []byte("\x93\x01\xa1a\xc0"))
	f.Add("msgpack", []byte("\xdd\xff\xff\xff\xff\x01"))
	f.Add("msgpack", []byte("\xdf\xff\xff\xff\xff\xc6\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, typ string, raw []byte) {
		s := store{}
		var m value.Manifest
		var blobs []value.Blob
		fuzztest.Bounded(t, len(raw), func() { m, blobs = value.Build(typ, raw) })
		s.put(blobs...)
		s.mustHold(t, m, raw)
	})
}

// FuzzPackedManifest: a packed manifest that is read is packed the same way again, up
// to numbers that were longer than they must be.
func FuzzPackedManifest(f *testing.F) {
	for _, raw := range [][]byte{list(150, 100, "[", "]"), []byte(`{"a":[1,2]}`), {}, {0, 1, 2}} {
		m, _ := value.Build("json", raw)
		f.Add(m.AppendPacked(nil))
	}
	f.Fuzz(func(t *testing.T, packed []byte) {
		var m value.Manifest
		var err error
		fuzztest.Bounded(t, len(packed), func() { m, err = value.ReadManifest(packed, nil) })
		if err != nil {
			return
		}
		if again, err := value.ReadManifest(m.AppendPacked(nil), nil); err != nil || again.ID() != m.ID() {
			t.Errorf("%x is packed as %x: %v", packed, m.AppendPacked(nil), err)
		}
	})
}
