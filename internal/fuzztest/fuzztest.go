// Package fuzztest is what the fuzz targets of the decoders share.
package fuzztest

import (
	"os"
	"path/filepath"
	"runtime/metrics"
	"testing"
)

const (
	// blowUp is how many times its input a decoder may allocate, all in all, and
	// floor what anything may.
	blowUp = 16
	floor  = 4 << 20
)

// Bounded runs a decoder over so many bytes of input and fails when it allocates
// out of proportion: a few bytes must not take the memory of a process.
func Bounded(tb testing.TB, input int, decode func()) {
	tb.Helper()
	before := allocated()
	decode()
	if took := allocated() - before; took > floor+blowUp*uint64(max(input, 0)) {
		tb.Fatalf("%d bytes of input allocate %d", input, took)
	}
}

func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// Seeds are the contents of files, by their names.
func Seeds(tb testing.TB, pattern ...string) map[string][]byte {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join(pattern...))
	if err != nil || len(files) == 0 {
		tb.Fatalf("no seeds at %v: %v", pattern, err)
	}
	seeds := map[string][]byte{}
	for _, file := range files {
		b, err := os.ReadFile(file) //nolint:gosec // of this repository
		if err != nil {
			tb.Fatal(err)
		}
		seeds[filepath.Base(file)] = b
	}
	return seeds
}
