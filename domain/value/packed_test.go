package value_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/duolog/duolog/domain/value"
)

// TestAManifestIsStoredInAThird: packed and as JSON it reads as the same manifest.
func TestAManifestIsStoredInAThird(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		typ string
		raw []byte
	}{
		"a list in two levels": {"json", list(150, 100, "[", "]")},
		"inline":               {"json", []byte(`{"a":[1,2]}`)},
		"empty":                {"null", nil},
		"bytes":                {"bytes", []byte{0, 0xff}},
	} {
		want, _ := value.Build(c.typ, c.raw)
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		packed := want.AppendPacked(nil)
		for _, stored := range [][]byte{text, packed} {
			if got, err := value.ReadManifest(stored, nil); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %v\n%+v\n%+v", name, err, got, want)
			}
		}
		if len(want.Entries) > 50 && 2*len(packed) > len(text) {
			t.Errorf("%s: %d bytes packed, %d as JSON", name, len(packed), len(text))
		}
	}
}

func TestABrokenPackedManifestIsRefused(t *testing.T) {
	t.Parallel()
	m, _ := value.Build("json", list(150, 100, "[", "]"))
	packed := m.AppendPacked(nil)
	for n := range packed {
		got, err := value.ReadManifest(packed[:n], nil)
		if err == nil && got.ID() == m.ID() {
			t.Fatalf("%d of %d bytes read as the whole", n, len(packed))
		}
	}
	if _, err := value.ReadManifest(append([]byte{3}, packed[1:]...), nil); err == nil {
		t.Error("another mark is taken")
	}
}

// TestAGrowingListSharesItsParts: what a manifest keeps of the one before it stands in a
// part that it shares with it; packed over that it reads as the same manifest.
func TestAGrowingListSharesItsParts(t *testing.T) {
	t.Parallel()
	const steps = 60
	var base *value.Manifest
	parts, most, whole := map[value.Address]bool{}, 0, 0
	for n := 1; n <= steps; n++ {
		m, _ := value.Build("msgpack", append([]byte{0xdc, 0, byte(n)}, bytes.Repeat([]byte("\xd9\x41"+big[:65]), n)...))
		keep := value.Diff(m, base).Keep
		packed, part := m.PackOver(keep)
		if got, err := value.ReadManifest(packed, part.Bytes); err != nil || !reflect.DeepEqual(got, m) {
			t.Fatalf("%d items over a part of %d bytes: %v\n%+v\n%+v", n, len(part.Bytes), err, got, m)
		}
		if len(part.Bytes) > 0 {
			parts[part.Address] = true
			if part.Address != value.AddressOf(part.Bytes) {
				t.Fatalf("the part of %d items has another address", n)
			}
			for name, other := range map[string][]byte{"no": nil, "a shorter": part.Bytes[:len(part.Bytes)-1]} {
				if got, err := value.ReadManifest(packed, other); err == nil && got.ID() == m.ID() {
					t.Fatalf("%d items were read with %s part", n, name)
				}
			}
		}
		if n > 24 { // before that all of it stands inline
			most = max(most, len(packed))
		}
		whole, base = len(m.AppendPacked(nil)), &m
	}
	if len(parts) != (steps-1)/8 || 4*most > whole {
		t.Errorf("%d parts, and up to %d bytes beside them; whole it is %d", len(parts), most, whole)
	}
	if _, part := base.PackOver(0); len(part.Bytes) > 0 {
		t.Error("a manifest that keeps nothing has a part")
	}
	if _, err := value.ReadManifest(base.AppendPacked(nil), []byte{1}); err == nil {
		t.Error("a whole manifest was read over a part")
	}
}
