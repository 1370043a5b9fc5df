package plain_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/duolog/duolog/projections/queries/plain"
)

var update = flag.Bool("update", false, "write testdata/plain.json anew")

const golden = "testdata/plain.json"

// made are the values that the real serialiser made, by testdata/generate.py.
func made(tb testing.TB) map[string]struct {
	Type   string
	Base64 []byte
} {
	tb.Helper()
	raw, err := os.ReadFile("testdata/values.json")
	must(tb, err)
	var out map[string]struct {
		Type   string
		Base64 []byte
	}
	must(tb, json.Unmarshal(raw, &out))
	return out
}

// TestGolden: what becomes of values of the real serialiser.
func TestGolden(t *testing.T) {
	shown := map[string]json.RawMessage{}
	for name, v := range made(t) {
		if shown[name] = plain.JSON(v.Type, v.Base64); !json.Valid(shown[name]) {
			t.Errorf("%s is shown as %s", name, shown[name])
		}
	}
	var got bytes.Buffer
	enc := json.NewEncoder(&got)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	must(t, enc.Encode(shown))
	if *update {
		must(t, os.WriteFile(golden, got.Bytes(), 0o600))
	}
	want, err := os.ReadFile(golden)
	must(t, err)
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Error(diff)
	}
}

func nested(n int) string { return strings.Repeat("\x91", n) + "\x90" }

// ext is an extension of up to 255 bytes.
func ext(code byte, payload string) string {
	return string([]byte{0xc7, byte(len(payload)), code}) + payload
}

func TestShown(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ typ, raw, want string }{
		{"json", ` {"a" : 1.0, "a":[ ]} `, `{"a" : 1.0, "a":[ ]}`},
		{"json", `"\ud800"`, `"\ud800"`},
		{"msgpack", "\xca\x40\x48\xf5\xc3", `3.14`},
		{"msgpack", "\xcf\xff\xff\xff\xff\xff\xff\xff\xff", `{"int":"18446744073709551615"}`},
		{"msgpack", "\xd3\x80\x00\x00\x00\x00\x00\x00\x00", `{"int":"-9223372036854775808"}`},
		{"msgpack", "\xa2\xff\xfe", `{"type":"str","base64":"//4="}`},
		{"msgpack", "\xc4\x01a", `{"type":"bytes","base64":"YQ=="}`},
		{"msgpack", "\x82\xa1a\x01\xa1a\x02", `{"map":[["a",1],["a",2]]}`},
		{"msgpack", "\x82\x01\x81\x02\x03\x91\x01\xc0", `{"map":[[1,{"map":[[2,3]]}],[[1],null]]}`},
		{"msgpack", "\xd4\x2aA", `{"type":"ext 42","base64":"QQ=="}`},
		{"msgpack", "\xd6\xff\x00\x00\x00\x01", `{"type":"ext -1","base64":"AAAAAQ=="}`},
		{"msgpack", ext(5, "\x93\xa1m\xa1C\x01"), `{"type":"ext 5","base64":"k6FtoUMB"}`},
		{"msgpack", ext(0, "\x93\xa1m\xa1C\x01\x01"), `{"type":"ext 0","base64":"k6FtoUMBAQ=="}`},
		{"msgpack", "\x92\x01" + ext(7, "\xc1"), `[1,{"type":"ext 7","base64":"wQ=="}]`},
		{"msgpack", nested(plain.MaxDepth - 1), strings.Repeat("[", plain.MaxDepth) + strings.Repeat("]", plain.MaxDepth)},
	} {
		if got := string(plain.JSON(test.typ, []byte(test.raw))); got != test.want {
			t.Errorf("%s %q is shown as %s, not %s", test.typ, test.raw, got, test.want)
		}
	}
}

// TestOpaque: what cannot be shown is its type and its bytes.
func TestOpaque(t *testing.T) {
	t.Parallel()
	manyDeep := nested(plain.MaxDepth - 1)
	for range 5 { // each level is an extension, too
		manyDeep = ext(7, manyDeep)
	}
	for _, test := range []struct{ typ, raw string }{
		{"msgpack+aes", "\x01"},
		{"json+aes", "{}"},
		{"pickle", "x"},
		{"", ""},
		{"null", "x"},
		{"bytes", ""},
		{"bytearray", "a"},
		{"json", ""},
		{"json", "{"},
		{"json", `{"a":NaN}`},
		{"json", "\"\xff\""},
		{"json", strings.Repeat("[", plain.MaxDepth+1) + strings.Repeat("]", plain.MaxDepth+1)},
		{"msgpack", ""},
		{"msgpack", "\xc1"},
		{"msgpack", "\x01\x01"},
		{"msgpack", "\x92\x01"},
		{"msgpack", "\xa2a"},
		{"msgpack", "\xdd\xff\xff\xff\xff\xc0"},
		{"msgpack", "\xdb\xff\xff\xff\xff"},
		{"msgpack", "\x81\xa1a"},
		{"msgpack", nested(plain.MaxDepth)},
		{"msgpack", manyDeep},
	} {
		want := `{"type":"` + test.typ + `","base64":"` + base64.StdEncoding.EncodeToString([]byte(test.raw)) + `"}`
		if got := string(plain.JSON(test.typ, []byte(test.raw))); got != want {
			t.Errorf("%s %.40q is shown as %.200s", test.typ, test.raw, got)
		}
	}
}

// TestLength: a value that would become many times as long is not shown.
func TestLength(t *testing.T) {
	t.Parallel()
	raw := []byte("\xdc\x40\x00" + strings.Repeat("\xd4\x2aA", 1<<14))
	if got := plain.JSON("msgpack", raw); len(got) > 2*len(raw) {
		t.Errorf("%d bytes become %d", len(raw), len(got))
	}
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
