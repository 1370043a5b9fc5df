//go:build faults

package faults_test

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/duolog/duolog/internal/fleettest"
)

// brokers are three Apache Kafka brokers that a test may kill.
type brokers struct {
	t       *testing.T
	program string
}

// kill is kill -9.
func (b brokers) kill(n int) { b.t.Helper(); b.run("kill", n) }

func (b brokers) start(n int) { b.t.Helper(); b.run("start", n) }

func (b brokers) run(what string, n int) {
	b.t.Helper()
	if out, err := exec.CommandContext(b.t.Context(), b.program, what, strconv.Itoa(n)).CombinedOutput(); err != nil {
		b.t.Fatalf("%s broker %d: %v\n%s", what, n, err, out)
	}
}

// whole waits until every replica of the journal is in sync.
func (s *stand) whole(t *testing.T) {
	t.Helper()
	fleettest.Eventually(t, 2*recovery, func() error {
		topics, err := s.admin().DescribeTopics([]string{journalTopic, commandsTopic, eventsTopic})
		if err != nil {
			return err
		}
		for _, topic := range topics {
			for _, p := range topic.Partitions {
				if len(p.Isr) < 3 {
					return fmt.Errorf("%s:%d is in sync on %v alone", topic.Name, p.ID, p.Isr)
				}
			}
		}
		return nil
	})
}

// TestCluster kills one of three brokers (in the long form each, three times) and
// starts it again, and then two of them, while clients write through two nodes. With two brokers everything goes
// on; with one nothing is acknowledged, and nothing is lost.
func TestCluster(t *testing.T) {
	t.Parallel()
	at, program := os.Getenv("DUOLOG_TEST_KAFKA"), os.Getenv("DUOLOG_TEST_CLUSTER")
	if at == "" || program == "" {
		leftOut(t, "there is no cluster: run it under deploy/kafka/with-cluster")
	}
	b := brokers{t, program}
	s := newStandOn(t, at, "")
	s.initLog(4, 3)
	s.start(2)
	l := s.newLoad(s.front)
	stop := l.begin(4)
	l.progress(100)
	killed := []int{3}
	if long() {
		killed = []int{1, 2, 3, 1, 2, 3, 1, 2, 3}
	}
	for _, n := range killed {
		began := time.Now()
		b.kill(n)
		lasting(t.Context(), 2*time.Second)
		l.progress(40)
		b.start(n)
		s.whole(t)
		l.progress(20)
		tally(t, fmt.Sprintf("broker %d killed and back", n), l.since(began))
	}
	began := time.Now()
	b.kill(1)
	b.kill(2)
	lasting(t.Context(), 5*time.Second)
	b.startBoth(1, 2)
	s.whole(t)
	l.progress(40)
	tally(t, "two brokers killed and back", l.since(began))
	stop()
	answered(t, l.since(start))
	s.ready()
	l.verify(t)
	s.published(t)
}

// startBoth starts two at once: neither is ready without the other's vote.
func (b brokers) startBoth(one, other int) {
	b.t.Helper()
	done := make(chan error, 2)
	for _, n := range []int{one, other} {
		go func() {
			out, err := exec.CommandContext(b.t.Context(), b.program, "start", strconv.Itoa(n)).CombinedOutput()
			if err != nil {
				err = fmt.Errorf("start broker %d: %w\n%s", n, err, out)
			}
			done <- err
		}()
	}
	for range 2 {
		fleettest.OK(b.t, <-done)
	}
}

// leftOut says what this machine cannot test; where everything is required, that
// is a failure.
func leftOut(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("REQUIRE_SERVICES") == "1" {
		t.Fatal("left out: " + why)
	}
	t.Skip("left out: " + why)
}
