//go:build faults

package faults_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/duolog/duolog/internal/fleettest"
)

// outcome says what became of the records of a request that was answered with an
// error.
type outcome string

const (
	refused  outcome = "refused"
	appended outcome = "appended"
)

// produceError is a broker's answer to a produce request.
type produceError struct {
	err  *kerr.Error
	what outcome
}

func (p produceError) String() string { return fmt.Sprint(p.err.Message, " ", p.what) }

func produceErrors() []produceError {
	return []produceError{
		{kerr.NotEnoughReplicas, refused},
		{kerr.NotEnoughReplicasAfterAppend, appended},
		{kerr.RequestTimedOut, refused},
		{kerr.RequestTimedOut, appended},
		{kerr.NotLeaderForPartition, refused},
		{kerr.NotLeaderForPartition, appended},
		{kerr.LeaderNotAvailable, refused},
		{kerr.UnknownTopicOrPartition, refused},
		{kerr.MessageTooLarge, refused},
		{kerr.CorruptMessage, refused},
		{kerr.InvalidRecord, refused},
		{kerr.KafkaStorageError, refused},
		{kerr.UnknownServerError, appended},
		{kerr.OutOfOrderSequenceNumber, refused},
		{kerr.UnknownProducerID, refused},
		{kerr.InvalidProducerEpoch, refused},
	}
}

// fault is an error that is given to requests for a topic, a number of times.
type fault struct {
	mu   sync.Mutex
	left int
}

func (f *fault) take() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left == 0 {
		return false
	}
	f.left--
	return true
}

func (f *fault) remaining() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.left
}

// breaker answers produce requests with errors, whatever became of the records.
type breaker struct {
	s *stand
	// inner is a client whose requests are let through.
	inner *kgo.Client

	mu      sync.Mutex
	faults  map[string]*fault
	with    produceError
	passing map[[32]byte]bool
}

func (s *stand) newBreaker() *breaker {
	s.t.Helper()
	inner, err := kgo.NewClient(kgo.SeedBrokers(s.brokers()...), kgo.MaxVersions(kversion.V3_6_0()))
	fleettest.OK(s.t, err)
	s.t.Cleanup(inner.Close)
	b := &breaker{s: s, inner: inner, faults: map[string]*fault{}, passing: map[[32]byte]bool{}}
	s.cluster.ControlKey(int16(kmsg.Produce), b.control)
	return b
}

// give makes the next n produce requests to each topic fail.
func (b *breaker) give(with produceError, n int, topics ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.with, b.faults = with, map[string]*fault{}
	for _, t := range topics {
		b.faults[t] = &fault{left: n}
		if t == eventsTopic || t == refusedTopic {
			b.faults[t].left = min(n, 3) // not tried again by the producer, but after growing pauses
		}
	}
}

// given says that all errors were given.
func (b *breaker) given() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for topic, f := range b.faults {
		if n := f.remaining(); n > 0 {
			return fmt.Errorf("%d errors of %s are left", n, topic)
		}
	}
	return nil
}

// control is kfake's hook: it answers, or leaves the request to the broker.
func (b *breaker) control(request kmsg.Request) (kmsg.Response, error, bool) {
	b.s.cluster.KeepControl()
	in, ok := request.(*kmsg.ProduceRequest)
	if !ok || len(in.Topics) == 0 {
		return nil, nil, false
	}
	with, hit := b.hit(in)
	if !hit {
		return nil, nil, false
	}
	if with.what == appended {
		b.s.cluster.SleepControl(func() { b.pass(in) })
	}
	return answerOf(in, with.err), nil, true
}

func (b *breaker) hit(in *kmsg.ProduceRequest) (produceError, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.passing[sumOf(in)] {
		return b.with, false
	}
	f := b.faults[in.Topics[0].Topic]
	return b.with, f != nil && f.take()
}

// pass lets the broker have the records after all.
func (b *breaker) pass(in *kmsg.ProduceRequest) {
	sum := sumOf(in)
	b.let(sum, true)
	defer b.let(sum, false)
	again := *in
	_, _ = b.inner.Broker(0).Request(context.WithoutCancel(b.s.t.Context()), &again) // what it answers is what this is about to contradict
}

func (b *breaker) let(sum [32]byte, pass bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if pass {
		b.passing[sum] = true
	} else {
		delete(b.passing, sum)
	}
}

func sumOf(in *kmsg.ProduceRequest) [32]byte {
	h := sha256.New()
	for _, t := range in.Topics {
		for _, p := range t.Partitions {
			_, _ = fmt.Fprint(h, t.Topic, p.Partition)
			h.Write(p.Records)
		}
	}
	return [32]byte(h.Sum(nil))
}

func answerOf(in *kmsg.ProduceRequest, err *kerr.Error) kmsg.Response {
	out := kmsg.NewPtrProduceResponse()
	out.Version = in.Version
	for _, topic := range in.Topics {
		t := kmsg.NewProduceResponseTopic()
		t.Topic, t.TopicID = topic.Topic, topic.TopicID
		for _, p := range topic.Partitions {
			part := kmsg.NewProduceResponseTopicPartition()
			part.Partition, part.ErrorCode = p.Partition, err.Code
			t.Partitions = append(t.Partitions, part)
		}
		out.Topics = append(out.Topics, t)
	}
	return out
}

// Topics of a stand.
const (
	journalTopic  = "duolog.journal"
	commandsTopic = "duolog.commands"
	eventsTopic   = "duolog.events"
	refusedTopic  = "duolog.commands.refused"
)

// sites are the topics whose produce requests fail: together, which is quick, and
// in the long form each alone too, which says which one it was.
func sites() [][]string {
	all := []string{journalTopic, commandsTopic, eventsTopic, refusedTopic}
	out := [][]string{all}
	if long() {
		for _, t := range all {
			out = append(out, []string{t})
		}
	}
	return out
}

// TestProduceErrors gives each error of a broker, once and more often than a
// producer tries, to everything that is produced: commits, the bytes ahead of them,
// commands, events, refused commands. With and without the records written.
func TestProduceErrors(t *testing.T) {
	t.Parallel()
	s := newStand(t, "")
	s.start(2)
	l, b := s.newLoad(s.front), s.newBreaker()
	bad := s.newStranger()
	for _, topics := range sites() {
		for _, with := range produceErrors() {
			for _, times := range []int{1, 8} {
				t.Run(fmt.Sprintf("%s %d times for %d topics", with, times, len(topics)), func(t *testing.T) {
					b.give(with, times, topics...)
					l.untilGiven(t, b.given, bad)
				})
			}
		}
	}
	answered(t, l.since(start))
	tally(t, "all", l.since(start))
	l.verify(t)
	s.published(t)
	bad.kept(t)
}

// untilGiven writes one of each kind, until all errors were given.
func (l *load) untilGiven(t *testing.T, given func() error, bad *stranger) {
	t.Helper()
	for round, began := 0, time.Now(); time.Since(began) < recovery; round++ {
		bad.send(t)
		w := l.workflows[round%len(l.workflows)]
		for _, step := range []func() error{
			func() error { return l.checkpoint(t.Context(), agentWrite, w, 2<<10) },
			func() error { return l.checkpoint(t.Context(), agentWrite, w, l.large) },
			func() error { return l.checkpoint(t.Context(), command, w, 2<<10) },
		} {
			fleettest.OK(t, step())
		}
		if given() == nil {
			return
		}
	}
	t.Fatal(given())
}

// TestFetchErrors gives each error to what is read: the journal, the commands and
// the events.
func TestFetchErrors(t *testing.T) {
	t.Parallel()
	s := newStand(t, "")
	s.start(2)
	l, bad := s.newLoad(s.front), s.newStranger()
	for _, err := range []*kerr.Error{
		kerr.OffsetOutOfRange, kerr.NotLeaderForPartition, kerr.UnknownTopicOrPartition, kerr.CorruptMessage,
		kerr.LeaderNotAvailable, kerr.FencedLeaderEpoch, kerr.UnknownLeaderEpoch, kerr.KafkaStorageError, kerr.UnknownServerError,
	} {
		for _, times := range []int{1, 8} {
			t.Run(fmt.Sprint(err.Message, " ", times, " times"), func(t *testing.T) {
				var faults []kfake.Fault
				for _, topic := range []string{journalTopic, commandsTopic, eventsTopic} {
					faults = append(faults,
						kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: topic, Err: err, Count: times},
						kfake.Fault{Keys: []kmsg.Key{kmsg.ListOffsets}, Topic: topic, Err: err, Count: 1})
				}
				h := s.cluster.Fault(faults...)
				defer h.Remove()
				l.untilGiven(t, func() error { return hits(h, 3*times) }, bad)
			})
		}
	}
	answered(t, l.since(start))
	l.verify(t)
	s.published(t)
	bad.kept(t)
}

func hits(h *kfake.FaultHandle, want int) error {
	if n := h.Hits(); n < want {
		return fmt.Errorf("%d of %d errors were given", n, want)
	}
	return nil
}

// TestCoordinatorErrors gives the errors of group coordinators to the inbox and the
// sagas: each row throws the members out and lets them back in after an error at
// every step.
func TestCoordinatorErrors(t *testing.T) {
	t.Parallel()
	s := newStand(t, "")
	s.start(2)
	l, bad := s.newLoad(s.front), s.newStranger()
	for _, err := range []*kerr.Error{
		kerr.CoordinatorNotAvailable, kerr.NotCoordinator, kerr.CoordinatorLoadInProgress, kerr.UnknownMemberID,
		kerr.IllegalGeneration, kerr.RebalanceInProgress, kerr.UnknownServerError,
	} {
		t.Run(err.Message, func(t *testing.T) {
			const members = 8 // two nodes, four groups
			out := s.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Err: kerr.UnknownMemberID, TopLevel: true, Count: members})
			defer out.Remove()
			h := s.cluster.Fault(
				kfake.Fault{Keys: []kmsg.Key{kmsg.JoinGroup}, Err: err, TopLevel: true, Count: 2},
				kfake.Fault{Keys: []kmsg.Key{kmsg.SyncGroup}, Err: err, TopLevel: true, Count: 2},
				kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit, kmsg.OffsetFetch}, Topic: commandsTopic, Err: err, Count: 2},
				kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit, kmsg.OffsetFetch}, Topic: eventsTopic, Err: err, Count: 2},
			)
			defer h.Remove()
			fleettest.Eventually(t, recovery, func() error { return hits(h, 4) })
			l.untilGiven(t, func() error { return hits(h, 6) }, bad)
		})
	}
	answered(t, l.since(start))
	l.verify(t)
	bad.kept(t)
}
