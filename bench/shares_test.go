package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/pprof/profile"
)

// TestASampleBelongsToItsInnermostKnownWork: allocation within a decoder is
// decoding, a digest within a decoder is hashing.
func TestASampleBelongsToItsInnermostKnownWork(t *testing.T) {
	t.Parallel()
	p := &profile.Profile{}
	for ms, stack := range map[int64][]string{
		10: {"runtime.mallocgc", "encoding/json.Unmarshal", "net/http.(*conn).serve"},
		20: {"crypto/sha256.block", "encoding/json.Unmarshal"},
		30: {"syscall.Syscall", "github.com/jackc/pgx/v5/pgconn.(*PgConn).flush", "github.com/duolog/duolog/projections.write"},
		40: {"runtime.futex", "runtime.schedule"},
	} {
		s := &profile.Sample{Value: []int64{ms / 10, ms * 1e6}}
		for _, name := range stack {
			s.Location = append(s.Location, &profile.Location{Line: []profile.Line{{Function: &profile.Function{Name: name}}}})
		}
		p.Sample = append(p.Sample, s)
	}
	want := map[string]float64{"json": 10, "hashing": 20, "sql": 30, rest: 40}
	if d := cmp.Diff(want, sharesOf(p)); d != "" {
		t.Error(d)
	}
}
