package relay_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/handlers/feed"
	"github.com/duolog/duolog/handlers/relay"
	"github.com/duolog/duolog/internal/nodetest"
	"github.com/duolog/duolog/projections"
)

// TestEveryEventIsPublishedOnce, in the partition and the order of the journal,
// with the same id and position; a relay that stops and another one that goes
// on, and read models that are rebuilt meanwhile, repeat and omit nothing.
func TestEveryEventIsPublishedOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	stop := r.relay(r.Log)
	r.work(12)
	r.once()
	stop()
	r.work(6)
	stop = r.relay(r.Log)
	r.once()
	r.rebuild()
	r.work(6)
	r.once()
	stop()
	r.rebuild()
	r.relay(r.Log)
	r.work(6)
	r.once()
}

func (r *rig) rebuild() {
	r.t.Helper()
	ends, err := r.Log.Ends(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	if err := projections.Truncate(r.t.Context(), r.DB.Write); err != nil {
		r.t.Fatal(err)
	}
	if err := nodetest.WaitEnds(r.t.Context(), r.DB.Write, ends, 10*time.Millisecond); err != nil {
		r.t.Fatal(err)
	}
}

// TestWhatIsShownAloneIsReadFor: a relay that has published all that shows waits for
// more, and asks nobody whether there is.
func TestWhatIsShownAloneIsReadFor(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	reads := &vainReads{Commits: r.commits}
	r.commits = reads
	r.relay(r.Log)
	r.work(nodetest.Partitions)
	r.once()
	reads.n.Store(0)
	r.work(3 * nodetest.Partitions)
	r.once()
	if n := reads.n.Load(); n > 0 {
		t.Errorf("nothing was found by %d reads", n)
	}
}

// vainReads counts those that found nothing.
type vainReads struct {
	relay.Commits
	n atomic.Int64
}

func (v *vainReads) From(ctx context.Context, partition int32, offset int64, limit int) ([]projections.Accepted, error) {
	found, err := v.Commits.From(ctx, partition, offset, limit)
	if err == nil && len(found) == 0 {
		v.n.Add(1)
	}
	return found, err
}

// TestResumesInsideACommit: a crash can leave the first event of a commit on
// the topic and not the second.
func TestResumesInsideACommit(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.work(1)
	p := journal.PartitionOf([]byte(id.String()), nodetest.Partitions)
	all := r.accepted(p)
	if len(all) != 3 || header(all[0].Headers, feed.HeaderPosition) != header(all[1].Headers, feed.HeaderPosition) {
		t.Fatalf("%d events: want two in the first commit and one in the second", len(all))
	}
	if err := r.Log.AppendEvents(t.Context(), p, all[:1]); err != nil {
		t.Fatal(err)
	}
	r.relay(r.Log)
	r.once()
}

// TestForeignRecordsAreLookedPast: what others write to the topic, even with
// headers like ours, neither stops a relay nor moves its place.
func TestForeignRecordsAreLookedPast(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	stop := r.relay(r.Log)
	r.work(8)
	r.once()
	stop()
	r.work(4)
	for p := range int32(nodetest.Partitions) {
		if err := r.Log.AppendEvents(t.Context(), p, r.forged(p)); err != nil {
			t.Fatal(err)
		}
	}
	stop = r.relay(r.Log)
	r.once()
	stop()
	r.work(4)
	r.relay(r.Log)
	r.once()
}

// forged are records that are not ours, the last ones cunning.
func (r *rig) forged(partition int32) []journal.Message {
	r.t.Helper()
	all := r.accepted(partition)
	if len(all) == 0 {
		r.t.Fatalf("partition %d holds no event", partition)
	}
	last := all[len(all)-1].Headers
	out := []journal.Message{{Value: []byte("garbage")}, {}, {Value: []byte("{}"), Headers: []journal.Header{{Key: feed.HeaderPosition, Value: []byte("x")}}}}
	for _, place := range [][2]string{
		{fmt.Sprintf("%d:999999", partition), uuid.NewString() + "/0"},                          // beyond the end of the journal
		{fmt.Sprintf("%d:%d", (partition+1)%nodetest.Partitions, 1), uuid.NewString() + "/0"},   // of another partition
		{header(last, feed.HeaderPosition), uuid.NewString() + "/0"},                            // another commit
		{header(last, feed.HeaderPosition), header(last, feed.HeaderID) + "7"},                  // an event that the commit has not
		{domain.Position{Partition: partition}.String(), header(all[0].Headers, feed.HeaderID)}, // the genesis record
	} {
		out = append(out, journal.Message{Value: []byte("{}"), Headers: []journal.Header{
			{Key: "forged", Value: []byte("yes")}, {Key: feed.HeaderPosition, Value: []byte(place[0])}, {Key: feed.HeaderID, Value: []byte(place[1])},
		}})
	}
	return out
}

// TestTwoRelaysAtOnce: two owners of a partition may repeat events, with equal
// bytes; they omit none and change no order.
func TestTwoRelaysAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.relay(r.Log)
	r.work(3)
	r.relay(r.Log)
	r.work(10)
	for p := range int32(nodetest.Partitions) {
		r.compare(p)
	}
}

// unsure is a topic whose appends write all, some or none, and report an error.
type unsure struct {
	relay.Topic
	calls atomic.Int32
}

func (u *unsure) AppendEvents(ctx context.Context, partition int32, messages []journal.Message) error {
	n := u.calls.Add(1) % 4
	if n == 0 {
		return u.Topic.AppendEvents(ctx, partition, messages)
	}
	written := [...]int{1: 0, 2: (len(messages) + 1) / 2, 3: len(messages)}[n]
	return errors.Join(errors.New("no acknowledgement"), u.Topic.AppendEvents(ctx, partition, slices.Clone(messages[:written])))
}

// TestAppendWithoutAnAnswer: whatever an append left behind when its outcome is
// unknown, the relay finds it: no gap, and nothing twice.
func TestAppendWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	u := &unsure{Topic: r.Log}
	r.relay(u)
	r.work(12)
	r.once()
	if n := u.calls.Load(); n < 8 {
		t.Errorf("%d appends: too few to have failed in every way", n)
	}
}

// lost is a topic of which it is not known what was published.
type lost struct {
	relay.Topic
	asked chan struct{}
}

func (l lost) LastEvent(ctx context.Context, _ int32, _ func(journal.Record) (bool, error)) (*journal.Record, error) {
	select {
	case l.asked <- struct{}{}:
	case <-ctx.Done():
	}
	return nil, errors.New("all records were deleted")
}

// TestUnknownPlacePublishesNothing: without its place in the topic a relay
// waits and asks again; it neither begins at the first event nor fails, which
// would stop the projector of the partition.
func TestUnknownPlacePublishesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.work(4)
	topic := lost{r.Log, make(chan struct{})}
	stop := r.relay(topic)
	for range 2 * nodetest.Partitions {
		<-topic.asked
	}
	stop()
	for p := range int32(nodetest.Partitions) {
		if got := r.published(p); len(got) > 0 {
			t.Errorf("partition %d: %d events are published", p, len(got))
		}
	}
}
