package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// TestKeepUp: records that wait are nothing to put right while somebody works on
// them, unless they are many.
func TestKeepUp(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rows []partitionStatus
		want status
	}{
		"idle":           {[]partitionStatus{{Owner: "a"}, {Owner: "b"}}, statusOK},
		"at work":        {[]partitionStatus{{Owner: "a", Lag: 900}, {Owner: "b", Lag: 900}}, statusOK},
		"slow":           {[]partitionStatus{{Owner: "a", Lag: 1001}, {Owner: "b"}}, statusWarning},
		"nobody":         {[]partitionStatus{{Owner: "a"}, {Lag: 1}}, statusFailure},
		"nobody, idle":   {[]partitionStatus{{}, {}}, statusOK},
		"ahead, unowned": {[]partitionStatus{{Lag: -3}, {}}, statusOK},
	} {
		if f := keepUp(c.rows); f.Status != c.want || f.OK != (c.want != statusFailure) || (f.Fix == "") != (c.want == statusOK) {
			t.Errorf("%s: %+v, want %s", name, f, c.want)
		}
	}
}

// TestClockOfDatabase: the time that the question takes is nobody's fault.
func TestClockOfDatabase(t *testing.T) {
	t.Parallel()
	before := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, c := range map[string]struct {
		there time.Duration
		took  time.Duration
		want  status
	}{
		"the same":          {0, 0, statusOK},
		"a slow answer":     {9 * time.Second, 10 * time.Second, statusOK},
		"a little behind":   {-1900 * time.Millisecond, 0, statusOK},
		"behind":            {-2100 * time.Millisecond, 5 * time.Second, statusWarning},
		"ahead":             {7100 * time.Millisecond, 5 * time.Second, statusWarning},
		"ahead, but not so": {6900 * time.Millisecond, 5 * time.Second, statusOK},
	} {
		f := clockOfDatabase("clock", before.Add(c.there), before, before.Add(c.took))
		if f.Status != c.want {
			t.Errorf("%s: %+v, want %s", name, f, c.want)
		}
	}
}

// TestColours: what is no terminal gets none, whatever the environment says.
func TestColours(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	a := app{out: &out, getenv: func(string) string { return "" }, now: time.Now}
	if err := printFindings(a, []finding{well("a", ""), wrong("b", "it is broken", "mend it")}); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); strings.Contains(text, "\x1b") || !strings.HasPrefix(text, "✓ a\n✗ b  it is broken\n   fix: mend it\n") {
		t.Errorf("printed %q", text)
	}
	if got := (painter{on: true}).paint(red, "x"); got != "\x1b[31mx\x1b[0m" {
		t.Errorf("painted %q", got)
	}
}
