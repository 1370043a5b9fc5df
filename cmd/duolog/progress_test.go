package main

import (
	"bytes"
	"testing"
	"time"
)

// TestMeter: speed and what is left come from what was done so far; what is no
// terminal is told nothing.
func TestMeter(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	a := app{err: &out, now: func() time.Time { return now }}
	m := newMeter(a, map[int32]int64{0: 3000, 1: 1000})
	if got, want := m.line(now), "0 of 4000 records, 0 %"; got != want {
		t.Errorf("at the beginning %q, want %q", got, want)
	}
	now = now.Add(10 * time.Second)
	m.advance(0, 500, 3000)
	m.advance(1, 400, 1000)
	m.advance(0, 600, 3000)
	if got, want := m.line(now), "1000 of 4000 records, 25 %, 100 records/s, about 30s left"; got != want {
		t.Errorf("in the middle %q, want %q", got, want)
	}
	m.end()
	if out.Len() != 0 {
		t.Errorf("it said %q to what is no terminal", out.String())
	}
	m.shown = true
	m.advance(1, 1000, 1000)
	if got, want := out.String(), overwrite+"1600 of 4000 records, 40 %, 160 records/s, about 15s left"; got != want {
		t.Errorf("on a terminal %q, want %q", got, want)
	}
}
