package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/duolog/duolog/domain/placement"
	"github.com/duolog/duolog/domain/workflow"
)

// placementText says which engine was chosen, why, and which others there were.
func placementText(e workflow.EngineChosen) string {
	out := e.Engine + ": " + e.Reason
	var after []string
	if chosen := slices.IndexFunc(e.Candidates, func(c placement.Candidate) bool { return c.Engine == e.Engine }); chosen >= 0 {
		for _, next := range e.Candidates[chosen+1:] {
			after = append(after, next.Engine)
		}
	}
	if len(after) > 0 {
		out += "; after it " + strings.Join(after, ", ")
	}
	return out
}

// computeText says what was used, without what is not known.
func computeText(c workflow.Compute) string {
	var parts []string
	say := func(what string, ms int64) {
		if ms > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", what, (time.Duration(ms)*time.Millisecond).Round(10*time.Millisecond)))
		}
	}
	say("waited", c.QueuedMS)
	say("ran", c.WallMS)
	say("cpu", c.CPUMS)
	if c.MemoryBytes > 0 {
		parts = append(parts, fmt.Sprintf("%d MiB", (c.MemoryBytes+1<<20-1)>>20))
	}
	for _, text := range []string{c.Runner, c.Job} {
		if text != "" {
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, " · ")
}

// runDetails says in a few words where a run goes and what it used.
func runDetails(e timelineEvent) string {
	switch e.Type {
	case "workflow.engine_chosen":
		if c := (workflow.EngineChosen{}); e.read(&c) {
			return placementText(c)
		}
	case "workflow.compute_used":
		if u := (workflow.ComputeUsed{}); e.read(&u) {
			return computeText(u.Compute)
		}
	}
	return ""
}
