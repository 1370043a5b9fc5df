//go:build faults

package faults_test

import (
	"fmt"
	"testing"
	"time"
)

// row is a fault of the network.
type row struct {
	name  string
	lasts time.Duration
	// begin disturbs and returns what ends it.
	begin func(*stand) (end func())
	// away says that what is needed for an answer is not there.
	away bool
}

func networkRows() []row {
	cut := func(links func(*stand) []*link) func(*stand) func() {
		return func(s *stand) func() {
			for _, l := range links(s) {
				l.cut()
			}
			return func() {
				for _, l := range links(s) {
					l.mend()
				}
			}
		}
	}
	kafka := func(s *stand) *link { return s.kafka }
	postgres := func(s *stand) *link { return s.postgres }
	disturb := func(of func(*stand) *link, kind, direction string, attributes map[string]int) func(*stand) func() {
		return func(s *stand) func() { return of(s).disturb(kind, direction, attributes) }
	}
	slow := map[string]int{"latency": 150, "jitter": 100}
	rows := []row{
		{"Kafka is slow", 4 * time.Second, disturb(kafka, "latency", answers, slow), false},
		{"Postgres is slow", 4 * time.Second, disturb(postgres, "latency", answers, slow), false},
		{"Kafka resets connections", 3 * time.Second, disturb(kafka, "reset_peer", requests, map[string]int{"timeout": 0}), true},
		{"Postgres resets connections", 3 * time.Second, disturb(postgres, "reset_peer", requests, map[string]int{"timeout": 0}), true},
		{"Kafka's acknowledgements are lost", 6 * time.Second, disturb(kafka, "timeout", answers, map[string]int{"timeout": 0}), true},
		{"Postgres' answers are lost", 6 * time.Second, disturb(postgres, "timeout", answers, map[string]int{"timeout": 0}), true},
		{"Kafka's requests are lost", 6 * time.Second, disturb(kafka, "timeout", requests, map[string]int{"timeout": 0}), true},
		{"Kafka is away", outage, cut(func(s *stand) []*link { return []*link{s.kafka} }), true},
		{"Postgres is away", outage, cut(func(s *stand) []*link { return []*link{s.postgres} }), true},
		{"Both are away", outage, cut(func(s *stand) []*link { return []*link{s.kafka, s.postgres} }), true},
	}
	if long() {
		crawl := map[string]int{"rate": 64}
		rows = append(rows,
			row{"Kafka crawls", 20 * time.Second, disturb(kafka, "bandwidth", requests, crawl), false},
			row{"Postgres crawls", 20 * time.Second, disturb(postgres, "bandwidth", requests, crawl), false},
			row{"Kafka is away for a minute", time.Minute, cut(func(s *stand) []*link { return []*link{s.kafka} }), true},
			row{"Postgres is away for a minute", time.Minute, cut(func(s *stand) []*link { return []*link{s.postgres} }), true},
		)
	}
	return rows
}

// warm is how many rows it takes until everything that a node opens once is open.
const warm = 4

// TestNetwork disturbs the network below two nodes while clients write. Nothing
// acknowledged is lost or doubled, no request hangs beyond its time, agents' writes
// are held through an outage of ten seconds, and afterwards all is as before.
func TestNetwork(t *testing.T) {
	t.Parallel()
	s := newStand(t, "")
	s.start(2)
	l := s.newLoad(s.front)
	stop := l.begin(4)
	l.progress(100)
	before := 0
	for i, r := range networkRows() {
		if i == warm {
			s.ready()
			before = s.goroutines()
		}
		t.Run(r.name, func(t *testing.T) {
			began := time.Now()
			end := r.begin(s)
			lasting(t.Context(), r.lasts)
			end()
			over := time.Now()
			l.progress(40)
			answered(t, l.since(began))
			if r.away && r.lasts == outage {
				// All clients may have been under way when it began, and held from then on.
				held(t, l.since(began.Add(-recovery)), over)
			}
			tally(t, r.name, l.since(began))
		})
		if t.Failed() {
			break
		}
	}
	stop()
	s.calm(before)
	l.verify(t)
}

// held says that a write of an agent which was under way while a part was away was
// answered when it was back, without being sent again.
func held(t *testing.T, shots []shot, over time.Time) {
	t.Helper()
	n := 0
	for _, s := range shots {
		if s.kind == agentWrite && s.began.Before(over) && s.status < 300 && s.began.Add(s.took).After(over) {
			n++
		}
	}
	if n == 0 {
		t.Error("no write of an agent was held through the outage")
	}
}

// tally prints what the clients saw.
func tally(t *testing.T, name string, shots []shot) {
	t.Helper()
	count, slowest := map[string]int{}, time.Duration(0)
	for _, s := range shots {
		count[fmt.Sprint(s.kind, " ", s.status)]++
		slowest = max(slowest, s.took)
	}
	t.Logf("%s: answers %v, the slowest after %s", name, count, slowest.Round(time.Millisecond))
}
