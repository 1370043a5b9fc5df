package value_test

import (
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
			if got, err := value.ReadManifest(stored); err != nil || !reflect.DeepEqual(got, want) {
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
		got, err := value.ReadManifest(packed[:n])
		if err == nil && got.ID() == m.ID() {
			t.Fatalf("%d of %d bytes read as the whole", n, len(packed))
		}
	}
	if _, err := value.ReadManifest(append([]byte{2}, packed[1:]...)); err == nil {
		t.Error("another mark is taken")
	}
}
