package cut

import (
	"bytes"
	"testing"

	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/projections"
)

// TestCache: what was used last is kept within the bounds, and only for its stream.
func TestCache(t *testing.T) {
	t.Parallel()
	const each = 1000
	of, other := projections.ShortKeyOf("acme/workflow/1"), projections.ShortKeyOf("other/workflow/1")
	blob := func(i int) (blobKey, []byte) {
		b := bytes.Repeat([]byte{byte(i)}, each)
		return blobKey{of, value.AddressOf(b)}, b
	}
	c := NewCache(20 * (each + blobFrame))
	has := func(stream projections.ShortKey, i int) bool {
		key, want := blob(i)
		into := map[blobKey][]byte{}
		c.fill(stream, []value.Address{key.address}, into)
		got, ok := into[blobKey{stream, key.address}]
		return ok && bytes.Equal(got, want)
	}
	for i := range 30 {
		key, b := blob(i)
		c.put(key, b)
		c.put(key, b)
		if !has(of, 0) {
			t.Fatalf("what is used is gone after %d", i)
		}
	}
	kept := 0
	for i := range 30 {
		if has(of, i) {
			kept++
		}
	}
	if kept != 20 || c.size != 20*(each+blobFrame) || !has(of, 29) {
		t.Errorf("%d are kept, %d bytes", kept, c.size)
	}
	if has(other, 29) {
		t.Error("another stream has it")
	}
	large := make([]byte, 20*each)
	c.put(blobKey{of, value.AddressOf(large)}, large)
	if c.size != 20*(each+blobFrame) {
		t.Error("one blob takes all of it")
	}
	var none *Cache
	key, b := blob(1)
	none.put(key, b)
	none.fill(of, []value.Address{key.address}, nil)
}
