package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// options are what a run can be told.
type options struct {
	pairs   int
	length  time.Duration
	steps   int
	out     string
	profile string
	now     func() time.Time
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM) //nolint:forbidigo // main begins the first context
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parse(args []string) (options, error) {
	o := options{now: time.Now} //nolint:forbidigo // the one clock of the benchmark
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&o.pairs, "pairs", 5, "how often each figure and its baseline are measured, at least 1")
	seconds := flags.Float64("seconds", 5, "how long one measurement takes")
	flags.IntVar(&o.steps, "steps", 2000, "steps of the growing conversation; 0 leaves it out")
	flags.StringVar(&o.out, "out", filepath.Join("bench", "results.json"), "where the results are written")
	flags.StringVar(&o.profile, "profile", "", "directory for a CPU profile of the product under each load (builds it with -tags pprof)")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.length = time.Duration(*seconds * float64(time.Second))
	if o.pairs < 1 || o.length <= 0 || o.steps < 0 || (o.steps > 0 && o.steps < 3*window) {
		return o, errors.New("-pairs and -seconds must be above 0, -steps 0 or at least 300")
	}
	return o, nil
}

func run(ctx context.Context, args []string, w io.Writer) (err error) {
	o, err := parse(args)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "duolog-bench-")
	if err != nil {
		return fmt.Errorf("make a temporary directory: %w", err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // in the system's temporary directory
	p, err := startProduct(ctx, dir, o.profile != "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	r := report{Machine: describe(ctx, dir, p, o.now)}
	if r.Results, err = measure(ctx, o, p); err != nil {
		return err
	}
	if err := r.save(o.out); err != nil {
		return err
	}
	return r.print(w, o.out)
}

// measure takes every figure.
func measure(ctx context.Context, o options, p *product) ([]result, error) {
	var out []result
	if o.steps > 0 {
		grown, err := growth(ctx, o, p)
		if err != nil {
			return nil, err
		}
		out = append(out, grown...)
	}
	posts, err := throughput(ctx, o, p)
	return append(posts, out...), err
}
