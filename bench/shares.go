package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/pprof/profile"

	"github.com/duolog/duolog/bench/lab"
	"github.com/duolog/duolog/bench/load"
	"github.com/duolog/duolog/bench/report"
)

// shares says what the product's processor time goes to while it makes checkpoints
// of 20 KB visible: what P12 counts, in a build with profiles.
func (b *bench) shares(ctx context.Context) (out []report.Result, err error) {
	f, err := b.fleet(ctx, 1, lab.FleetConfig{Tags: []string{lab.ProfileTag}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	agents, err := b.agents(ctx, f, fewConnections, load.Shape{State: load.Large, New: load.Large})
	if err != nil {
		return nil, err
	}
	plain := *b
	plain.profile = "" // a process has one profile of its processor time at once
	flood := plain.flood("P12", f, agents)
	if _, err := flood(ctx, warmUp); err != nil {
		return nil, err
	}
	if err := settle(ctx, f.Database); err != nil {
		return nil, err
	}
	of := map[string][]float64{}
	for n := range b.pairs {
		b.say("P12 by kind of work, run %d of %d", n+1, b.pairs)
		found, err := b.profiled(ctx, f, flood)
		if err != nil {
			return nil, err
		}
		for _, k := range kinds() {
			of[k.name] = append(of[k.name], found[k.name])
		}
	}
	for i, k := range kinds() {
		out = append(out, report.Result{ID: sharesRows()[i], What: "of the product's processor time: " + k.what, Better: report.Lower, Unit: share}.Values(of[k.name]))
	}
	return out, nil
}

// profiled is the share of each kind of work under load.
func (b *bench) profiled(ctx context.Context, f *lab.Fleet, flood measure) (map[string]float64, error) {
	type result struct {
		raw []byte
		err error
	}
	done := make(chan result, 1)
	go func() {
		raw, err := f.Nodes[0].CPUProfile(ctx, b.length)
		done <- result{raw, err}
	}()
	_, err := flood(ctx, b.length)
	got := <-done
	if err = errors.Join(err, got.err); err != nil {
		return nil, err
	}
	p, err := profile.Parse(bytes.NewReader(got.raw))
	if err != nil {
		return nil, fmt.Errorf("read the profile: %w", err)
	}
	return sharesOf(p), nil
}

// kind is a kind of work, known by where its functions are.
type kind struct {
	name, what string
	functions  []string
}

// kinds are in the order of the table. A sample belongs to the kind of its innermost
// function that has one: allocation within a decoder is decoding.
func kinds() []kind {
	return []kind{
		{"json", "JSON", []string{
			"encoding/json", "go-json-experiment/", "domain/strictjson.", "AppendJSON", "appendJSON", "MarshalJSON",
			"domain/value.jsonEnds", "domain/value.valueEnd", "domain/value.fieldsOf", "domain.AppendText",
			"handlers/api.checkJSON", "handlers/api.depth", "handlers/api.membersOf", "handlers/api.(*scanner)", "handlers/api.(*object)",
		}},
		{"hashing", "hashing", []string{"crypto/", "hash/"}},
		{"gzip", "gzip", []string{"compress/gzip", "compress/flate", "compress/zlib", "klauspost/compress/gzip", "klauspost/compress/flate", "klauspost/compress/gzhttp"}},
		{"zstd", "zstd", []string{"klauspost/compress/zstd", "klauspost/compress/huff0", "klauspost/compress/fse"}},
		{"sql", "SQL: statements, results and their wire", []string{"jackc/pgx", "jackc/puddle"}},
		{"kafka", "Kafka: records and their wire", []string{"IBM/sarama", "ThreeDotsLabs/watermill"}},
		{"http", "HTTP: requests, answers and their wire", []string{"net/http.", "net/textproto"}},
		{"gc", "garbage collection in the background", []string{"runtime.gcBgMarkWorker", "runtime.bgsweep", "runtime.bgscavenge"}},
		{rest, "everything else", nil},
	}
}

const rest = "other"

// share is the unit of these rows, which may be 0.
const share = "%"

// sharesRows are the ids of the rows.
func sharesRows() []string {
	var out []string
	for _, k := range kinds() {
		out = append(out, "P12-"+k.name)
	}
	return out
}

// sharesOf adds up a profile's samples by kind, in per cent.
func sharesOf(p *profile.Profile) map[string]float64 {
	const nanoseconds = 1
	sums, all := map[string]float64{}, 0.0
	known := kinds()
	for _, s := range p.Sample {
		v := float64(s.Value[nanoseconds])
		sums[kindOf(s, known)] += v
		all += v
	}
	for _, name := range slices.Collect(maps.Keys(sums)) {
		sums[name] *= 100 / max(1, all)
	}
	return sums
}

func kindOf(s *profile.Sample, known []kind) string {
	for _, at := range s.Location { // innermost first
		for _, line := range at.Line {
			if line.Function == nil {
				continue
			}
			for _, k := range known {
				if slices.ContainsFunc(k.functions, func(part string) bool { return strings.Contains(line.Function.Name, part) }) {
					return k.name
				}
			}
		}
	}
	return rest
}
