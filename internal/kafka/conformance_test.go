package kafka_test

import (
	"os"
	"testing"

	"github.com/duolog/duolog/internal/kafka/logtest"
)

func TestKfake(t *testing.T) {
	logtest.Run(t, func(t *testing.T) logtest.Cluster {
		t.Helper()
		return logtest.Kfake(t)
	})
}

// TestKafka runs the same suite on a real Apache Kafka: deploy/kafka/with-kafka
// starts one.
func TestKafka(t *testing.T) {
	broker := os.Getenv("DUOLOG_TEST_KAFKA")
	if broker == "" {
		if os.Getenv("DUOLOG_REQUIRE_KAFKA") == "1" {
			t.Fatal("DUOLOG_TEST_KAFKA is not set")
		}
		t.Skip("set DUOLOG_TEST_KAFKA=host:port, or run make test/kafka")
	}
	logtest.Run(t, func(*testing.T) logtest.Cluster { return logtest.Cluster{Brokers: []string{broker}} })
}
