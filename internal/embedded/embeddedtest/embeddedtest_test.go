package embeddedtest_test

import (
	"testing"

	"github.com/IBM/sarama"
	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/internal/embedded/embeddedtest"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

func TestPostgresGivesEachCallerItsOwnDatabase(t *testing.T) {
	t.Parallel()
	first, second := embeddedtest.Postgres(t), embeddedtest.Postgres(t)
	for _, url := range []string{first, second} {
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), "CREATE TABLE same_name ()"); err != nil {
			t.Error(err)
		}
		t.Cleanup(func() { _ = conn.Close(t.Context()) }) // still open when the database is dropped
	}
}

func TestBrokerIsEmptyAndMakesNoTopics(t *testing.T) {
	t.Parallel()
	client, err := sarama.NewClient(embeddedtest.Broker(t), sarama.NewConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	if partitions, err := client.Partitions("typo"); err == nil {
		t.Errorf("asking for an unknown topic made it, with partitions %v", partitions)
	}
	if topics, err := client.Topics(); err != nil || len(topics) > 0 {
		t.Errorf("topics = %v, %v; want none", topics, err)
	}
}
