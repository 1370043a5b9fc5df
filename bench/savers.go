package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/duolog/duolog/bench/lab"
	"github.com/duolog/duolog/bench/report"
	"github.com/duolog/duolog/bench/savers"
)

// saverRows are those of one language.
func saverRows(language string) []string {
	rows := []string{"P5-" + language, "P5-" + language + "-list", "P9b-" + language, "P9b-" + language + "-messages", "P11-" + language, "P13-" + language}
	if language == savers.Python {
		rows = append(rows, "P11-"+language+"-unlocked")
	}
	return rows
}

func allSaverRows() []string {
	return append(saverRows(savers.Python), saverRows(savers.JavaScript)...)
}

// savers measures LangGraph's savers and Duolog's from the same process.
func (b *bench) savers(ctx context.Context) (out []report.Result, err error) {
	s, err := b.besides(ctx, saverRows)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	var parts []part
	for _, p := range s.programs {
		l := p.Language
		of := func(build func(*savers.Program) ([]comparison, error), rows ...string) {
			parts = append(parts, part{rows, func(context.Context, *lab.Fleet) ([]comparison, func(), error) {
				all, err := build(p)
				return all, nil, err
			}})
		}
		of(s.puts, "P13-"+l)
		of(s.reads, "P5-"+l, "P5-"+l+"-list")
		of(s.graphs, "P11-"+l, "P11-"+l+"-unlocked")
		of(s.steps, "P9b-"+l, "P9b-"+l+"-messages")
	}
	return b.compareAll(ctx, s.fleet, parts)
}

// by is what holds for a language.
func by[T any](language string, python, javaScript T) T {
	if language == savers.Python {
		return python
	}
	return javaScript
}

// stockOf names the saver that Duolog's stands beside.
func stockOf(language string) string {
	return by(language, "PostgresSaver 3.1.2, Python", "PostgresSaver 1.0.5, JavaScript")
}

// times asks a program for calls one after another: p50 and p99, in milliseconds.
func (s *beside) times(p *savers.Program, args savers.Args) measure {
	args, least := maps.Clone(args), 5
	if s.bench.quick() {
		least = 1
	}
	return func(ctx context.Context, length time.Duration) (out sample, err error) {
		args["seconds"], args["least"] = length.Seconds(), least
		a, err := p.Do(args)
		if err != nil {
			return out, err
		}
		out.value, out.p99, out.done = report.Median(a.Times), percentile(a.Times, 0.99), float64(len(a.Times))
		return out, s.fleet.Quiet(ctx)
	}
}

// profiled profiles the product under a load, if asked to.
func (s *beside) profiled(name string, load measure) measure {
	runs := 0
	return func(ctx context.Context, length time.Duration) (sample, error) {
		done := s.bench.startProfile(ctx, s.fleet, fmt.Sprintf("%s-%d", name, runs), length)
		runs++
		out, err := load(ctx, length)
		return out, errors.Join(err, done())
	}
}

// puts are those of a small state at one thread.
func (s *beside) puts(p *savers.Program) ([]comparison, error) {
	of := func(saver string) measure {
		return s.times(p, savers.Args{"do": "put", "saver": saver})
	}
	return []comparison{{name: "P13-" + p.Language, length: s.bench.length, baseline: of(savers.Stock), figures: []figure{{
		row: report.Result{
			ID: "P13-" + p.Language, What: "p50 of put at one thread, 500 bytes of state, two stores against one", Goal: 2, Better: report.Lower, Unit: "ms",
			Baseline: "p50 of " + stockOf(p.Language),
		},
		p99: true, measure: s.profiled("P13-"+p.Language, of(savers.Duolog)),
	}}}}, nil
}

// bigItems messages of bigItem bytes, and one a step for the steps that have them, are a state of 1 MB.
const bigItem, bigItems, bigSteps = 4000, 240, 20

// reads are those of a state of 1 MB, with its bytes.
func (s *beside) reads(p *savers.Program) ([]comparison, error) {
	threads := map[string]string{}
	for _, saver := range []string{savers.Stock, savers.Duolog} {
		a, err := p.Do(savers.Args{"do": "prepare", "saver": saver, "items": bigItems, "size": bigItem, "last": bigSteps, "item": "dict"})
		if err != nil {
			return nil, err
		}
		threads[saver] = a.Thread
	}
	of := func(saver string, more savers.Args) measure {
		more["thread"] = threads[saver]
		return s.times(p, more)
	}
	pair := func(id, what, base string, goal float64, more savers.Args) comparison {
		return comparison{name: id, length: s.bench.length, baseline: of(savers.Stock, more), figures: []figure{{
			row:     report.Result{ID: id, What: what, Baseline: base + stockOf(p.Language), Goal: goal, Better: report.Lower, Unit: "ms"},
			measure: s.profiled(id, of(savers.Duolog, more)),
		}}}
	}
	l := p.Language
	return []comparison{
		pair("P5-"+l, "p50 of the latest checkpoint of a 1 MB state", "getTuple of ", by(l, 1, 0.05), savers.Args{"do": "read"}),
		pair("P5-"+l+"-list", "p50 of 20 checkpoints of a 1 MB state, with bodies", "list of ", 0.1, savers.Args{"do": "listed", "count": bigSteps}),
	}, nil
}

// The graphs of P11.
const graphThreads, graphSteps, graphItem = 8, 100, 1000

// graphs are real graphs with a fan-out of three.
func (s *beside) graphs(p *savers.Program) ([]comparison, error) {
	of := func(saver string) measure {
		return func(ctx context.Context, length time.Duration) (out sample, err error) {
			steps := min(graphSteps, max(10, int(graphSteps*length/whole)))
			before := s.fleet.CPU()
			a, err := p.Do(savers.Args{"do": "graphs", "saver": saver, "threads": graphThreads, "steps": steps, "size": graphItem})
			if err == nil {
				err = s.fleet.Quiet(ctx)
			}
			return sample{value: a.Rate, done: float64(graphThreads * steps), cpu: s.fleet.CPU().Since(before)}, err
		}
	}
	l := p.Language
	base := by(l, "AsyncPostgresSaver 3.1.2 with a pool of 10, Python", "PostgresSaver 1.0.5, JavaScript")
	row := report.Result{
		ID: "P11-" + l, What: "steps/s of a real graph, 8 threads of 100 steps, a message of 1 KB a step, fan-out of 3", Baseline: base,
		Goal: by(l, 1.3, 1.5), Better: report.Higher, Unit: "/s",
	}
	figures := []figure{{row: row, measure: s.profiled("P11-"+l, of(savers.Duolog)), costs: "P11-" + l + "-cpu", what: "steps of P11-" + l}}
	if l == savers.Python {
		row.ID, row.What, row.Goal = row.ID+"-unlocked", "the same through "+base+", without its lock", 0
		figures = append(figures, figure{row: row, measure: of(savers.Unlocked)})
	}
	return []comparison{{name: "P11-" + l, length: s.bench.length, baseline: of(savers.Stock), figures: figures}}, nil
}

// oldSteps is how far the old thread of P9b is, youngSteps the young one; stepsTimed are measured of each.
const oldSteps, youngSteps, stepsTimed = 1000, 10, 10

// steps are those of threads that grow by 1 KB a step: an old one's beside a young one's.
func (s *beside) steps(p *savers.Program) ([]comparison, error) {
	var out []comparison
	for _, item := range []string{"dict", "message"} {
		id, what := "P9b-"+p.Language, ""
		if item == "message" {
			id, what = id+"-messages", " of LangChain messages"
		}
		if !s.bench.wants(id) {
			continue
		}
		grow := savers.Args{"do": "grown", "saver": savers.Duolog, "steps": oldSteps, "size": graphItem, "item": item, "sent": oldSteps}
		if s.bench.quick() {
			grow["sent"] = youngSteps
		}
		old, err := p.Do(grow)
		if err != nil {
			return nil, err
		}
		of := func(thread string) measure {
			return s.times(p, savers.Args{"do": "steps", "thread": thread, "count": stepsTimed, "size": graphItem})
		}
		out = append(out, comparison{name: id, length: s.bench.length, figures: []figure{{
			row: report.Result{
				ID: id, What: "p50 of a step, its writes and its checkpoint, at step 1,000 of a thread" + what + " growing 1 KB a step", Baseline: "at step 10", Goal: 1.5, Better: report.Lower, Unit: "ms",
			},
			measure: s.profiled(id, of(old.Thread)),
		}}, baseline: func(ctx context.Context, length time.Duration) (sample, error) {
			young, err := p.Do(savers.Args{"do": "grown", "saver": savers.Duolog, "steps": youngSteps, "size": graphItem, "item": item, "sent": youngSteps})
			if err != nil {
				return sample{}, err
			}
			return of(young.Thread)(ctx, length)
		}})
	}
	return out, nil
}
