package plain_test

import (
	"encoding/json"
	"testing"

	"github.com/duolog/duolog/internal/fuzztest"
	"github.com/duolog/duolog/projections/queries/plain"
)

// FuzzJSON: any bytes of any type become JSON that is not many times as long.
func FuzzJSON(f *testing.F) {
	for _, v := range made(f) {
		f.Add(v.Type, v.Base64)
	}
	f.Add("json", []byte(`{"a":[1,"\ud800"],"a":NaN}`))
	f.Add("msgpack", []byte("\xdf\xff\xff\xff\xff\xc7\xff\x07"))
	f.Fuzz(func(t *testing.T, typ string, raw []byte) {
		var got []byte
		fuzztest.Bounded(t, len(raw), func() { got = plain.JSON(typ, raw) })
		if !json.Valid(got) {
			t.Fatalf("%q %q is shown as %s", typ, raw, got)
		}
		if most := 16*len(raw) + 8*len(typ) + 4096; len(got) > most {
			t.Fatalf("%d bytes become %d", len(raw), len(got))
		}
	})
}
