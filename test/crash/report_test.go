//go:build crash

package crash_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/duolog/duolog/internal/fleettest"
	"github.com/duolog/duolog/test/crash/history"
)

// report is what a run came to.
type report struct {
	Seed   uint64 `json:"seed"`
	Rounds int    `json:"rounds"`
	// Wanted is how many operations there were to be at least.
	Wanted  int     `json:"wanted"`
	Seconds float64 `json:"seconds"`
	Brokers string  `json:"brokers"`
	// Faults counts kills by named point, and everything else that was done.
	Faults map[string]int `json:"faults"`
	// Operations counts what porcupine checked, by kind.
	Operations map[string]int `json:"operations"`
	Checked    int            `json:"checked"`
	// Open are operations that never had an answer, Retried those that had one
	// only when they were sent again.
	Open      int `json:"open"`
	Retried   int `json:"retried"`
	Workflows int `json:"workflows"`
	Questions int `json:"questions"`
	// Commands are those that producers put on the topic.
	Commands int `json:"commands"`
	// Orders are what was asked for in the groups of GitLab, Pipelines those that it made.
	Orders     int                 `json:"orders"`
	Pipelines  int                 `json:"pipelines"`
	Commits    int                 `json:"commits"`
	Overtaken  int                 `json:"overtaken"`
	Violations []history.Violation `json:"violations"`
}

func (w *world) report(rounds, wanted int, began time.Time) report {
	r := report{
		Seed: w.seed, Rounds: rounds, Wanted: wanted, Seconds: time.Since(began).Round(time.Second).Seconds(), Brokers: cmp.Or(os.Getenv("DUOLOG_TEST_KAFKA_NAME"), "kfake"),
		Faults: w.kills.all(), Operations: map[string]int{}, Workflows: len(w.active.every()), Questions: len(w.people.questions()), Commands: len(w.others.all()),
		Orders: len(w.forge.orders()), Pipelines: w.forge.pipelines,
		Violations: w.violations(),
	}
	if os.Getenv("DUOLOG_TEST_KAFKA") != "" && r.Brokers == "kfake" {
		r.Brokers = "Apache Kafka"
	}
	for _, o := range w.log.Operations() {
		if o.Outcome == history.Unknown && (o.Kind.Reads() || o.Repeat) {
			continue // it says nothing
		}
		r.Operations[string(o.Kind)]++
		r.Checked++
		if o.Open() {
			r.Open++
		}
		if o.Tries > 1 {
			r.Retried++
		}
	}
	r.Commits, r.Overtaken = w.commits, w.overtaken
	return r
}

// write leaves the report as JSON and as a page, where CRASH_REPORT says.
func (r report) write(tb testing.TB, points []string) {
	tb.Helper()
	dir := os.Getenv("CRASH_REPORT")
	if dir == "" {
		return
	}
	b, err := json.MarshalIndent(r, "", "  ")
	fleettest.OK(tb, err)
	fleettest.OK(tb, os.WriteFile(dir+"/report.json", append(b, '\n'), 0o600))
	fleettest.OK(tb, os.WriteFile(dir+"/report.md", []byte(r.page(points)), 0o600))
}

func (r report) page(points []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# The last crash run\n\nWritten by `make test/crash ROUNDS=%d OPERATIONS=%d SEED=%d` on %s.\n\n", r.Rounds, r.Wanted, r.Seed, r.Brokers)
	fmt.Fprintf(&b, "| rounds | operations checked | workflows | questions | commands on the topic | orders in GitLab | pipelines | commits | overtaken commits | sent more than once | never answered | violations | time |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	fmt.Fprintf(&b, "| %d | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d | **%d** | %s |\n\n", r.Rounds, r.Checked, r.Workflows, r.Questions, r.Commands, r.Orders, r.Pipelines, r.Commits, r.Overtaken, r.Retried, r.Open,
		len(r.Violations), time.Duration(r.Seconds)*time.Second)
	b.WriteString("| operation | checked |\n|---|---|\n")
	for _, kind := range slices.Sorted(maps.Keys(r.Operations)) {
		fmt.Fprintf(&b, "| %s | %d |\n", kind, r.Operations[kind])
	}
	b.WriteString("\n| killed at | times | not reached |\n|---|---|---|\n")
	faults := maps.Clone(r.Faults)
	for _, p := range points {
		fmt.Fprintf(&b, "| `%s` | %d | %d |\n", p, faults[p], faults["not reached: "+p])
		delete(faults, p)
		delete(faults, "not reached: "+p)
	}
	b.WriteString("\n| else | times |\n|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(faults)) {
		fmt.Fprintf(&b, "| %s | %d |\n", name, faults[name])
	}
	for _, v := range r.Violations {
		fmt.Fprintf(&b, "\n**%s**: %s\n", v.Check, v.What)
	}
	return b.String()
}
