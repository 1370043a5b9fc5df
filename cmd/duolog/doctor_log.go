package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/duolog/duolog/internal/kafka"
	"github.com/duolog/duolog/internal/postgres"
	"github.com/duolog/duolog/projections/queries/operations"
)

// checkKafka looks at brokers, topics, genesis records and settings, and opens the
// log if all of them are right.
func checkKafka(ctx context.Context, p *patient) []finding {
	var out []finding
	whole, settings := true, false
	for _, f := range kafka.Check(ctx, p.kafka) {
		whole = whole && f.OK
		settings = settings || f.Name == "start of the log"
		out = append(out, knowing(p.of, fromKafka(f)))
	}
	if !settings {
		out = append(out, notLooked("start and settings of the topics", "the lines above come first", ""))
	}
	if !whole {
		return out
	}
	var err error
	if p.log, err = openLog(ctx, p.kafka); err != nil {
		return append(out, failed("log can be opened", err))
	}
	return out
}

// knowing corrects a fix for a database that derives from a log: a new one in
// its place would be another truth.
func knowing(of string, f finding) finding {
	if !f.OK && of != "" && f.Fix == "duolog journal init" {
		f.Fix = "the database derives from log " + of + ": restore its topics from a copy, or point --brokers at its cluster. " +
			"A new log takes an empty database."
	}
	return f
}

// both says that log and database are there to be compared.
func (p *patient) both() bool { return p.log != nil && p.db != nil }

const (
	belongs = "database belongs to the log"
	derives = "database derives from what is in the log"
	keeps   = "read models keep up"
)

func checkBelongs(ctx context.Context, p *patient) []finding {
	if !p.both() {
		return []finding{notLooked(belongs, "it takes the log and the database", "")}
	}
	if p.of == "" {
		return []finding{well(belongs, "it knows no log yet; the first node ties it to this one")}
	}
	g := p.log.Genesis()
	switch err := p.db.OfLog(ctx, g); {
	case errors.Is(err, postgres.ErrForeignLog):
		return []finding{wrong(belongs, err.Error()+".", foreignDatabase)}
	case err != nil:
		return []finding{failed(belongs, err)}
	}
	p.agrees = true
	return []finding{well(belongs, fmt.Sprintf("log %s, %d partitions", g.Log, g.Partitions))}
}

// checkDerives is about a database that is ahead of the log, or from another
// history of it.
func checkDerives(ctx context.Context, p *patient) []finding {
	if !p.agrees {
		return []finding{notLooked(derives, "there is no database of this log", "")}
	}
	switch unsafe, err := agreement(ctx, p.log, p.db); {
	case err != nil:
		return []finding{failed(derives, err)}
	case unsafe != nil:
		return []finding{wrong(derives, unsafe.Problem, unsafe.Fix)}
	}
	return []finding{well(derives, "")}
}

// manyWaiting is a lag that a node does not work off in a moment.
const manyWaiting = 1000

// checkLag is about records that wait to be projected.
func checkLag(ctx context.Context, p *patient) []finding {
	if !p.agrees {
		return []finding{notLooked(keeps, "there is no database of this log", "")}
	}
	rows, err := statusOf(ctx, &store{log: p.log, db: p.db})
	if err != nil {
		return []finding{failed(keeps, err)}
	}
	return []finding{keepUp(rows)}
}

func keepUp(rows []partitionStatus) finding {
	var behind, unowned int64
	worst := partitionStatus{}
	for _, r := range rows {
		if behind += max(r.Lag, 0); r.Owner == "" {
			unowned++
		}
		if r.Lag > worst.Lag {
			worst = r
		}
	}
	switch {
	case behind > 0 && unowned > 0:
		return wrong(keeps, fmt.Sprintf("%d records wait, and %d partitions have no owner", behind, unowned), "start a node: duolog serve, or duolog dev")
	case worst.Lag > manyWaiting:
		return warn(keeps, fmt.Sprintf("%d records wait, %d of them in partition %d, which %s works on", behind, worst.Lag, worst.Partition, worst.Owner),
			"look again: duolog projection status. If it grows, the database is too slow for what is written: see its disk and processor, and the log of that node")
	}
	return well(keeps, fmt.Sprintf("%d records wait in %d partitions", behind, len(rows)))
}

func checkStopped(ctx context.Context, p *patient) []finding {
	const name = "no stream is stopped"
	if !p.agrees {
		return []finding{notLooked(name, "there is no database of this log", "")}
	}
	stopped, err := operations.New(p.db.Read).Stopped(ctx)
	if err != nil {
		return []finding{failed(name, err)}
	}
	if len(stopped) == 0 {
		return []finding{well(name, "")}
	}
	var out []finding
	for _, st := range stopped {
		out = append(out, wrong("stream "+st.Stream, fmt.Sprintf("stopped at %s by build %s: %s", st.Position, st.Build, st.Reason),
			"run a build that understands the record; it tries again by itself"))
	}
	return out
}
