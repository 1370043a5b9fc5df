package main

import "testing"

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

func TestAShortRunHasShortLatencies(t *testing.T) {
	t.Parallel()
	for seconds, want := range map[string][2]float64{"3": {3, 3}, "5": {60, 20}, "10": {60, 20}} {
		o, err := parse([]string{"-seconds", seconds})
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]float64{o.long.Seconds(), o.open.Seconds()}; got != want {
			t.Errorf("-seconds %s measures latencies for %v s", seconds, got)
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
