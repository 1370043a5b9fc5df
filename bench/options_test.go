package main

import (
	"strings"
	"testing"
)

func TestRowsAreAskedForByTheirBeginning(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		only, row string
		want      bool
	}{
		{"", "P3a", true},
		{"P3", "P3a", true},
		{"P3a", "P3b", false},
		{"P1", "P1a-p99", true},
		{"P1", "P12", false},
		{"P1", "P15a", false},
		{"P12", "P12-json", true},
		{"P6,P9", "P9-time", true},
	} {
		args := []string{}
		if c.only != "" {
			args = append(args, "-only", c.only)
		}
		o, err := parse(args)
		if err != nil {
			t.Fatal(err)
		}
		if got := o.wants(c.row); got != c.want {
			t.Errorf("-only %q wants %s: %t", c.only, c.row, got)
		}
	}
}

func TestAShortRunIsShortInAll(t *testing.T) {
	t.Parallel()
	type of struct {
		long, open    float64
		steps, events int
	}
	for args, want := range map[string]of{
		"":                          {60, 20, 5000, 1_000_000},
		"-seconds 10":               {60, 20, 5000, 1_000_000},
		"-seconds 3":                {3, 3, 400, 10_000},
		"-seconds 3 -events 100000": {3, 3, 400, 100_000},
		"-open-seconds 30":          {30, 10, 5000, 1_000_000},
	} {
		o, err := parse(strings.Fields(args))
		if err != nil {
			t.Fatal(err)
		}
		if got := (of{o.long.Seconds(), o.open.Seconds(), o.steps, o.events}); got != want {
			t.Errorf("%q measures %+v", args, got)
		}
	}
}

func TestOptionsThatMeasureNothingAreRefused(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-pairs", "0"}, {"-seconds", "0"}, {"-steps", "100"}, {"-events", "10"}, {"P3"}} {
		if _, err := parse(args); err == nil {
			t.Errorf("%v is taken", args)
		}
	}
}
