package e2e_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/duolog/duolog/internal/fleettest"
	"github.com/duolog/duolog/internal/kafka/access/accesstest"
)

// TestServeOnGuardedKafka: init, two nodes and the tools work over TLS, each with a user
// of its own and the rights of docs/kafka.md; and who watches consumer groups sees
// that nothing is left to do. It runs on kfake, or on the real Apache Kafka that
// DUOLOG_TEST_KAFKA_ACCESS names.
func TestServeOnGuardedKafka(t *testing.T) {
	t.Parallel()
	g := accesstest.NewGuarded(t)
	f := fleettest.NewFleetOn(t, 0, strings.Join(g.Brokers, ","))
	initer, node := g.User(f.Prefix+"-init"), g.User(f.Prefix+"-node")
	g.GrantAsDocumented(f.Prefix)
	f.Config = f.Write("duolog.yaml", fmt.Sprintf("kafka_ca: %s\nkafka_user: %s\nkafka_password_file: %s\n", node.CA, node.User, node.PasswordFile))

	f.Access = node
	if r := f.Init(1); r.Code == 0 || !strings.Contains(r.Err, "does not let user "+node.User) {
		t.Errorf("init with the rights of a node: %s%s", r.Out, r.Err)
	}
	f.Access = initer
	if r := f.Init(1); r.Code != 0 {
		t.Fatalf("init: %s%s", r.Out, r.Err)
	}
	f.Access = node
	a, b := f.Node("a", ""), f.Node("b", "")
	a.Start()
	b.Start()
	f.Answered(t, f.Ask(a.Base, "who touched domain/ last?"))
	f.Answered(t, f.Ask(b.Base, "what changed in the last 10 commits?"))
	if r := f.Tool("doctor"); r.Code != 0 {
		t.Errorf("doctor: %s%s", r.Out, r.Err)
	}
	f.Clean()
	noLag(t, g.Admin, f.Prefix)
}

// noLag waits until every group of the page about Kafka has come to the end.
func noLag(t *testing.T, admin sarama.ClusterAdmin, prefix string) {
	t.Helper()
	for group, topic := range map[string]string{
		".projector": ".journal", ".inbox": ".commands", ".saga.trigger": ".events", ".saga.status": ".events", ".saga.callback": ".events",
	} {
		fleettest.Eventually(t, 20*time.Second, func() error {
			held, lag := lagOf(t, admin, prefix+group, prefix+topic)
			if lag != 0 || held == 0 {
				return fmt.Errorf("group %s%s lags by %d of %d records", prefix, group, lag, held)
			}
			return nil
		})
	}
}

// lagOf asks as kafka-consumer-groups does: how many records the topic holds, and
// how many of them are not committed.
func lagOf(t *testing.T, admin sarama.ClusterAdmin, group, topic string) (held, lag int64) {
	t.Helper()
	ask, partitions := map[int32]int64{}, []int32{0, 1, 2, 3}
	for _, p := range partitions {
		ask[p] = sarama.OffsetNewest
	}
	ends, err := admin.ListOffsets(map[string]map[int32]int64{topic: ask}, nil)
	fleettest.OK(t, err)
	committed, err := admin.ListConsumerGroupOffsets(group, map[string][]int32{topic: partitions})
	fleettest.OK(t, err)
	for _, p := range partitions {
		end := ends[topic][p].Offset
		held += end
		lag += end - max(0, committed.GetBlock(topic, p).Offset)
	}
	return held, lag
}
