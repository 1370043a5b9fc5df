package dispatch_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/internal/fuzztest"
)

// FuzzEnvelope: a command of the inbox that is read is the same command when it
// is written again; one that is not is refused as people can understand.
func FuzzEnvelope(f *testing.F) {
	for file, data := range fuzztest.Seeds(f, "../../schemas/commands/testdata/*.json") {
		parts := strings.Split(file, ".")
		f.Add(fmt.Appendf(nil, `{"id":"0198a3f0-7c1e-7b55-9d2f-3e0c5a1b2c3d","type":"%s.%s","v":1,"stream":"acme/%[1]s/0198a3ef-5b20-7a10-8c3d-2f1e0d9c8b7a","principal":{"user":"mia"},"data":%s}`, parts[0], parts[1], data))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var e dispatch.Envelope
		var err error
		fuzztest.Bounded(t, len(raw), func() { e, err = dispatch.DecodeEnvelope(raw) })
		var r dispatch.Request
		if err == nil {
			r, err = e.Request()
		}
		if err != nil {
			if domain.CodeOf(err) == domain.CodeInternal {
				t.Errorf("refused with %v", err)
			}
			return
		}
		once, again := written(t, r)
		if twice, _ := written(t, again); !bytes.Equal(once, twice) {
			t.Errorf("%s is written as %s", once, twice)
		}
	})
}

// written is a request as it goes to the inbox, and as it is read there.
func written(t *testing.T, r dispatch.Request) ([]byte, dispatch.Request) {
	t.Helper()
	e, err := dispatch.NewEnvelope(r)
	if err != nil {
		t.Fatal(err)
	}
	b, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := dispatch.DecodeEnvelope(b)
	if err != nil {
		t.Fatalf("%s cannot be read back: %v", b, err)
	}
	out, err := again.Request()
	if err != nil {
		t.Fatalf("%s cannot be read back: %v", b, err)
	}
	return b, out
}
