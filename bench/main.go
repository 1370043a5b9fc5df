package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/duolog/duolog/bench/lab"
	"github.com/duolog/duolog/bench/load"
	"github.com/duolog/duolog/bench/report"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM) //nolint:forbidigo // main begins the first context
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 2 && args[0] == lab.BrokerCommand {
		// Ctrl-C is for the benchmark, which ends its brokers when it has read from them last.
		return lab.ServeBroker(context.WithoutCancel(ctx), args[1], os.Stdin, os.Stdout)
	}
	o, err := parse(args)
	if err != nil {
		return err
	}
	return measureAll(ctx, o, os.Stdout, os.Stderr)
}

// bench is what a run measures with.
type bench struct {
	options

	lab      *lab.Lab
	texts    load.Texts
	progress io.Writer
	left     []string
	notes    []string
}

// group is a part of the table that is measured on a fleet of its own.
type group struct {
	rows    []string
	measure func(*bench, context.Context) ([]report.Result, error)
}

// groups are in the order of the table.
func groups() []group {
	return []group{
		{[]string{"P1a", "P1b", "P7"}, (*bench).latency},
		{[]string{"P2a", "P2b", "P3a", "P3b", "P12", "P12-2k"}, (*bench).throughput},
		{sharesRows(), (*bench).shares},
		{[]string{"P6"}, (*bench).rebuild},
		{[]string{"P8", "P8-message"}, (*bench).trigger},
		{[]string{"P9-time", "P9-floor", "P9-bytes"}, (*bench).growth},
		{[]string{"P10", "P10-p50"}, (*bench).moment},
		{allStoredRows(), (*bench).stored},
		{allSaverRows(), (*bench).savers},
		{[]string{"P14", "P14-answer"}, (*bench).ci},
		{[]string{"P15a"}, (*bench).nodes},
		{[]string{"P15b"}, (*bench).onKafka},
	}
}

// measureAll takes every row that is wanted, saves them and prints the table.
func measureAll(ctx context.Context, o options, out, progress io.Writer) (err error) {
	l, err := lab.Open(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if failed := l.Close(ctx); err == nil {
			err = failed
		}
	}()
	b := &bench{options: o, lab: l, texts: load.NewTexts(), progress: progress}
	r := report.Report{Machine: report.Describe(ctx, l.Dir, l.Server(), o.now)}
	for _, g := range groups() {
		if !slices.ContainsFunc(g.rows, o.wants) {
			continue
		}
		found, err := g.measure(b, ctx)
		if err != nil {
			return err
		}
		r.Results = append(r.Results, found...)
		if err := b.missing(g, found); err != nil {
			return err
		}
	}
	r.Results = slices.DeleteFunc(r.Results, func(x report.Result) bool { return !o.wants(x.ID) })
	r.LeftOut, r.Notes = b.left, b.notes
	if err := r.Save(o.out); err != nil {
		return err
	}
	if err := r.Print(out); err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, "written to", o.out)
	return err
}

// missing says which row of a group is wanted, not found and not left out: a run
// that measures less than it says must not look like one that measures all.
func (b *bench) missing(g group, found []report.Result) error {
	for _, id := range g.rows {
		there := slices.ContainsFunc(found, func(r report.Result) bool { return r.ID == id && (r.Value > 0 || r.Unit == share) })
		left := slices.ContainsFunc(b.left, func(why string) bool { return strings.HasPrefix(why, id+":") })
		if b.wants(id) && !there && !left {
			return fmt.Errorf("row %s was not measured", id)
		}
	}
	return nil
}

// say tells how far the run is.
func (b *bench) say(format string, args ...any) {
	_, _ = fmt.Fprintf(b.progress, format+"\n", args...)
}
