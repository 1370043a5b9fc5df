package cut

import (
	"bytes"
	"testing"

	"github.com/duolog/duolog/domain/value"
)

// TestCache: what was used last is kept within the bounds, and only for its stream.
func TestCache(t *testing.T) {
	t.Parallel()
	const each = 1000
	blob := func(i int) (blobKey, []byte) {
		b := bytes.Repeat([]byte{byte(i)}, each)
		return blobKey{"acme/workflow/1", value.AddressOf(b)}, b
	}
	c := NewCache(20 * (each + blobFrame))
	has := func(stream string, i int) bool {
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
		if !has("acme/workflow/1", 0) {
			t.Fatalf("what is used is gone after %d", i)
		}
	}
	kept := 0
	for i := range 30 {
		if has("acme/workflow/1", i) {
			kept++
		}
	}
	if kept != 20 || c.size != 20*(each+blobFrame) || !has("acme/workflow/1", 29) {
		t.Errorf("%d are kept, %d bytes", kept, c.size)
	}
	if has("other/workflow/1", 29) {
		t.Error("another stream has it")
	}
	large := make([]byte, 20*each)
	c.put(blobKey{"acme/workflow/1", value.AddressOf(large)}, large)
	if c.size != 20*(each+blobFrame) {
		t.Error("one blob takes all of it")
	}
	var none *Cache
	key, b := blob(1)
	none.put(key, b)
	none.fill("acme/workflow/1", []value.Address{key.address}, nil)
}
