//go:build faults

package faults_test

import (
	"testing"

	"github.com/IBM/sarama"

	"github.com/duolog/duolog/internal/fleettest"
)

// admin is an operator at the brokers.
func (s *stand) admin() sarama.ClusterAdmin {
	s.t.Helper()
	cfg := sarama.NewConfig()
	cfg.Version = sarama.V3_6_0_0
	a, err := sarama.NewClusterAdmin(s.brokers(), cfg)
	fleettest.OK(s.t, err)
	s.t.Cleanup(func() { _ = a.Close() })
	return a
}

// ends are the ends of the partitions of a topic that are not empty.
func (s *stand) ends(t *testing.T, topic string) map[int32]int64 {
	t.Helper()
	cfg := sarama.NewConfig()
	cfg.Version = sarama.V3_6_0_0
	client, err := sarama.NewClient(s.brokers(), cfg)
	fleettest.OK(t, err)
	defer func() { _ = client.Close() }()
	partitions, err := client.Partitions(topic)
	fleettest.OK(t, err)
	out := map[int32]int64{}
	for _, p := range partitions {
		end, err := client.GetOffset(topic, p, sarama.OffsetNewest)
		fleettest.OK(t, err)
		if end > 0 {
			out[p] = end
		}
	}
	return out
}
