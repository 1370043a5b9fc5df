package main

import (
	"cmp"
	"errors"
	"flag"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// options are what a run can be told.
type options struct {
	pairs int
	// length is that of a measurement in a closed loop; long and open are those of
	// measurements in an open loop.
	length, long, open time.Duration
	steps              int
	events             int
	only               []string
	out                string
	profile            string
	now                func() time.Time
}

// whole is how long a closed loop takes at least in a run that measures all as it should.
const whole = 5 * time.Second

func parse(args []string) (options, error) {
	o := options{now: time.Now} //nolint:forbidigo // the one clock of the benchmark
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&o.pairs, "pairs", 5, "how often each row and its baseline are measured, at least 1")
	seconds := flags.Float64("seconds", 5, "how long one measurement in a closed loop takes; below 5 all else is shorter too, for a look whether everything can be measured")
	long := flags.Float64("open-seconds", 60, "how long one measurement of P1 takes; those of P7 and P8 take a third")
	flags.IntVar(&o.steps, "steps", 0, "steps of the growing conversation, at least 400. Default: 5000")
	flags.IntVar(&o.events, "events", 0, "events of the log that is rebuilt from, at least 1000. Default: 1000000")
	only := flags.String("only", "", "rows to measure, as P3a,P12; P3 is P3a and P3b. Default: all")
	flags.StringVar(&o.out, "out", filepath.Join("bench", "results.json"), "where the results are written")
	flags.StringVar(&o.profile, "profile", "", "directory for CPU and blocking profiles of the product under each load (builds it with -tags pprof)")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.length = time.Duration(*seconds * float64(time.Second))
	o.long = time.Duration(*long * float64(time.Second))
	o.open = o.long / 3
	steps, events := 5000, million
	if o.quick() {
		o.long, o.open, steps, events = min(o.long, o.length), min(o.open, o.length), 4*window, 10_000
	}
	o.steps, o.events = cmp.Or(o.steps, steps), cmp.Or(o.events, events)
	if *only != "" {
		o.only = strings.Split(*only, ",")
	}
	if o.pairs < 1 || o.length <= 0 || o.open <= 0 || o.steps < 4*window || o.events < 1000 || flags.NArg() > 0 {
		return o, errors.New("-pairs, -seconds and -open-seconds must be above 0, -steps at least 400, -events at least 1000, and nothing else is taken")
	}
	return o, nil
}

// wants says whether a row was asked for: P3 asks for P3a, P12 for P12-json, P1 not
// for P12.
func (o options) wants(row string) bool {
	return len(o.only) == 0 || slices.ContainsFunc(o.only, func(asked string) bool {
		rest, ok := strings.CutPrefix(row, asked)
		return ok && (rest == "" || rest[0] < '0' || rest[0] > '9')
	})
}
